"""The tree of errors: who catches what, and how the sentences are worded."""

import inspect

import pytest

from vidlab import errors
from vidlab.errors import (
    DeviceError,
    MaskError,
    MissingExtraError,
    OutputError,
    ParameterError,
    ShapeError,
    SourceError,
    UsageError,
    VideoError,
    VidlabError,
    WeightsError,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_every_error_derives_from_the_base() -> None:
    assert [kind.__name__ for kind in ALL if not issubclass(kind, VidlabError)] == []


def test_every_error_is_in_the_drawn_tree() -> None:
    assert [kind.__name__ for kind in ALL if kind.__name__ not in (errors.__doc__ or "")] == []


@pytest.mark.parametrize("kind", [UsageError, ShapeError, ParameterError, DeviceError])
def test_mistake_of_the_caller_is_a_value_error(kind: type[VidlabError]) -> None:
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", [SourceError, VideoError, MaskError, OutputError, WeightsError, DeviceError])
def test_trouble_with_the_world_is_no_usage_error(kind: type[VidlabError]) -> None:
    assert not issubclass(kind, UsageError)


@pytest.mark.parametrize("kind", [VideoError, MaskError])
def test_unusable_input_is_a_source_error(kind: type[VidlabError]) -> None:
    assert issubclass(kind, SourceError)


def test_missing_extra_names_the_feature_and_the_command() -> None:
    error = MissingExtraError.for_feature("the web page", extra="web")
    assert str(error) == "the web page needs extra packages; run: pip install 'vidlab[web]'"
    assert isinstance(error, ImportError)
