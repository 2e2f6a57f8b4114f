"""Everything this package raises on purpose.

VidlabError
├── UsageError (ValueError)       wrong whatever the files are; command line exit code 2
│   ├── ShapeError                arrays do not fit each other, or have the wrong dtype or axes
│   └── ParameterError            unknown name, or a value outside its range
├── SourceError                   a video, image folder or mask file cannot be used; exit code 1
│   ├── VideoError                no frames can be read from it
│   └── MaskError                 masks are missing, of another size, or not readable
├── OutputError                   the result cannot be written, or is already there
│   └── LeftoverError             what a killed run left cannot be gone on with
├── WeightsError                  network weights are missing or do not fit
├── TrainingError                 a training that cannot go on
├── StallError                    a pipeline gave no result in the time that was set for it
├── EngineError                   what a batch runs on cannot be reached, or cannot hold a task
├── DeviceError (ValueError)      the device that was asked for is not here
└── MissingExtraError (ImportError)   an optional package is not installed
"""


class VidlabError(Exception):
    """Base of every deliberate exception; its text is one sentence made for the user."""


class UsageError(VidlabError, ValueError):
    """A call that is wrong whatever the files hold."""


class ShapeError(UsageError):
    """Arrays that do not fit each other, or have the wrong dtype or axes."""


class ParameterError(UsageError):
    """An unknown name, or a value outside its range."""


class SourceError(VidlabError):
    """An input file or folder that cannot be used."""


class VideoError(SourceError):
    """A video or image folder that yields no frames."""


class MaskError(SourceError):
    """Masks that are missing, unreadable, or do not match the video."""


class OutputError(VidlabError):
    """A result that cannot be written, or that would overwrite another."""


class LeftoverError(OutputError):
    """What a killed run left, damaged or of another request: it cannot be gone on with."""


class WeightsError(VidlabError):
    """Network weights that are missing or do not fit the network."""


class TrainingError(VidlabError):
    """A training that cannot go on: its loss is no number any more."""


class StallError(VidlabError):
    """A pipeline that gave no result in the time that was set for it."""


class EngineError(VidlabError):
    """What a batch is to run on cannot be reached or started, or cannot hold a task."""


class DeviceError(VidlabError, ValueError):
    """A device that was asked for and is not here."""


class MissingExtraError(VidlabError, ImportError):
    """An optional package that is not installed; the text names the extra to install."""

    @classmethod
    def for_feature(cls, feature: str, *, extra: str) -> "MissingExtraError":
        """Word the error: `the web page needs extra packages; run: pip install 'vidlab[web]'`."""
        return cls(f"{feature} needs extra packages; run: pip install 'vidlab[{extra}]'")
