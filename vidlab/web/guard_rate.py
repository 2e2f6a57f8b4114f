"""How often each visitor may ask: a bucket of tokens for everyone, filled as time passes."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

MAX_VISITORS = 10_000  # remembered at once, some megabytes; those longest away are forgotten first
NETWORK_BITS = 64  # of an IPv6 address: a visitor owns all of its network


class Visitors:
    """A bucket for each visitor; it holds the requests of one minute, and is full at first."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float]) -> None:
        """Let everybody ask so often.

        Args:
            per_minute: Requests a minute, ≥ 1; as many at once, after a minute of rest.
            clock: Seconds from any origin.
        """
        self._full, self._clock = float(per_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, and when

    def wait_s(self, visitor: str) -> float:
        """Count one request; 0 when it may pass, else the seconds until the next may. A refused one is free.

        >>> visitors = Visitors(2, clock=lambda: 0.0)
        >>> [visitors.wait_s("a"), visitors.wait_s("a"), visitors.wait_s("a"), visitors.wait_s("b")]
        [0.0, 0.0, 30.0, 0.0]
        """
        now_s, a_second = self._clock(), self._full / 60
        left, then_s = self._left.pop(visitor, (self._full, now_s))
        left = min(self._full, left + (now_s - then_s) * a_second)
        passes = left >= 1
        self._left[visitor] = (left - 1 if passes else left, now_s)
        if len(self._left) > MAX_VISITORS:
            self._left.popitem(last=False)
        return 0.0 if passes else (1 - left) / a_second


def visitor_of(address: str) -> str:
    """Return who asks from an address: an IPv4 address itself, of an IPv6 one the network.

    >>> visitor_of("192.0.2.7"), visitor_of("2001:db8::1:2:3:4"), visitor_of("")
    ('192.0.2.7', '2001:db8::', '')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False).network_address)
