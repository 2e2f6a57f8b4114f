"""The network of a worker, kept from one video to the next."""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidlab.jobs.reading import Network
    from vidlab.models import Segmenter


class Networks:
    """Loads a network once and gives it to every task that wants the same; one is kept, the last."""

    def __init__(self) -> None:
        self._wanted: tuple[object, ...] | None = None
        self._ready: Segmenter | None = None

    def ready(self, network: "Network", *, device: str, drop_below: float) -> "Network":
        """Return the network with what runs it, loaded now or before.

        Args:
            network: Name, weights and options.
            device: As `SegmentParams.device`.
            drop_below: Detections below this score are left out, [0, 1].

        Raises:
            WeightsError: The weights cannot be had, or do not fit.
            DeviceError: The device is not here.
        """
        from vidlab.jobs.reading import load_network  # with it comes all that a job needs

        wanted = (network.name, network.weights, network.options, device, drop_below)
        if self._ready is None or wanted != self._wanted:
            self._ready = None  # first: two networks may not fit a GPU
            _, self._ready = load_network(network, device=device, drop_below=drop_below)
            self._wanted = wanted
        return replace(network, ready=self._ready)
