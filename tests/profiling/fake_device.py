"""A device whose work goes on after the call returned, on a clock that only work moves."""


class FakeDevice:
    """Launching takes `launch_s` of the host; the work itself is done `work_s` after the device is free."""

    def __init__(self) -> None:
        self.now_s = 100.0  # of the host
        self.free_s = 0.0  # when the device has done all it was asked for

    def clock(self) -> float:
        return self.now_s

    def work(self, seconds: float, *, launch_s: float = 0.0) -> None:
        self.now_s += launch_s
        self.free_s = max(self.free_s, self.now_s) + seconds

    def synchronize(self) -> None:
        self.now_s = max(self.now_s, self.free_s)


class FakeEvent:
    """A CUDA event of that device."""

    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._at_s: float | None = None

    def record(self) -> None:
        self._at_s = max(self._device.free_s, self._device.now_s)

    def elapsed_time(self, end: "FakeEvent") -> float:
        assert self._at_s is not None
        assert end._at_s is not None
        assert self._device.now_s >= end._at_s, "an event is read before the device has reached it"
        return 1000 * (end._at_s - self._at_s)
