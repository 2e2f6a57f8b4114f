"""Frames in and out of files."""

from vidlab.video.backends import Decoder, check_backends, open_backend
from vidlab.video.frames import frame_name, write_image
from vidlab.video.images import ImageFolder, read_image
from vidlab.video.pyav import PyavReader
from vidlab.video.source import Source, open_source
from vidlab.video.writer import VideoWriter

__all__ = [
    "Decoder",
    "ImageFolder",
    "PyavReader",
    "Source",
    "VideoWriter",
    "check_backends",
    "frame_name",
    "open_backend",
    "open_source",
    "read_image",
    "write_image",
]
