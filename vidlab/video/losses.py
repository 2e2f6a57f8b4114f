"""What a file promised and did not give: counted while decoding, said in sentences at the end."""

from dataclasses import dataclass, replace

# A jump in time this many times the usual distance counts as a hole, and only in a file whose other frames
# keep the beat: in a file of variable rate, jumps are normal.
HOLE = 1.8
MAX_HOLE_SHARE = 0.05  # more jumps than one in twenty: that is a variable rate


@dataclass(slots=True)
class Tally:
    """Counts of one pass over a file.

    Attributes:
        newest_pts: Latest time stamp of a compressed frame that is to be shown, None before the first.
        n_packets: Compressed frames found in the file, those outside the edit list left out.
        n_discarded: Compressed frames that the edit list hides.
        n_frames: Frames delivered.
        last_stamp: Time of the last of them, None before the first.
        longest: Longest distance of two of them, at least the usual one, in units of the time base.
        sound_end_s: Where the last packet of the sound ends, in seconds.
        n_damaged: Delivered frames in which the decoder had to guess parts.
        n_resized: Delivered frames that had another size and were scaled to the first one's.
        n_holes: Jumps in time longer than `HOLE` times the usual distance.
        n_in_holes: Frames that would fit into those jumps.
        reason: What the decoder said about the latest packet it refused; empty if it refused none.
        stopped: Why reading ended before the end of the file; empty if it did not.
    """

    newest_pts: int | None = None
    n_packets: int = 0
    n_discarded: int = 0
    n_frames: int = 0
    last_stamp: int | None = None
    longest: int = 0
    sound_end_s: float = 0.0
    n_damaged: int = 0
    n_resized: int = 0
    n_holes: int = 0
    n_in_holes: int = 0
    reason: str = ""
    stopped: str = ""

    def copy(self) -> "Tally":
        """Return the same counts, to be counted on."""
        return replace(self)

    def see_packet(self, pts: int | None, *, hidden: bool) -> None:
        """Note a compressed frame; hidden ones lie outside the edit list."""
        if hidden:
            self.n_discarded += 1
            return
        self.n_packets += 1
        if pts is not None:
            self.newest_pts = pts if self.newest_pts is None else max(self.newest_pts, pts)

    def see_sound(self, end_s: float) -> None:
        """Note where a packet of another stream ends, in seconds."""
        self.sound_end_s = max(self.sound_end_s, end_s)

    def see_frame(self, stamp: int, *, tick: int, damaged: bool, resized: bool) -> None:
        """Note a delivered frame.

        Args:
            stamp: Its time, in units of the time base.
            tick: Usual distance of two frames, in the same unit.
            damaged: The decoder had to guess parts of it.
            resized: It had another size than the first.
        """
        self.n_frames += 1
        self.n_damaged += damaged
        self.n_resized += resized
        interval = tick if self.last_stamp is None else stamp - self.last_stamp
        if interval > HOLE * tick:
            self.n_holes += 1
            self.n_in_holes += round(interval / tick) - 1
        self.longest = max(self.longest, interval)
        self.last_stamp = stamp

    def damage(self) -> tuple[str, ...]:
        """Say what is known to be wrong at any moment, also when the consumer stops early."""
        sentences = []
        if self.stopped:
            sentences.append(f"reading stopped before the end of the file ({self.stopped})")
        if self.n_damaged:
            sentences.append(
                f"{self.n_damaged} of {self.n_frames} frames came out damaged; the decoder patched "
                "what it could"
            )
        if self.n_resized:
            sentences.append(
                f"{self.n_resized} of {self.n_frames} frames were scaled to the size of the first"
            )
        return tuple(sentences)

    def missing(self, declared: int | None, *, ended_early_s: float) -> tuple[str, ...]:
        """Say which frames never came; only true after the end of the file.

        Args:
            declared: Number of frames that the container declares, None where it does not.
            ended_early_s: From the end of what was found to the declared end; 0 where none is declared.
        """
        sentences = []
        shown = None if declared is None else declared - self.n_discarded
        if shown is not None and self.n_packets < shown and self.n_frames < shown:
            sentences.append(f"the file declares {shown} frames but holds {self.n_packets}")
        n_lost = self.n_packets - self.n_frames
        # Without a declared count a packet may rightly give no frame (hidden reference frames, fields), so
        # only a refusal of the decoder makes it a loss.
        if n_lost > 0 and (self.reason or shown is not None):
            reason = f" ({self.reason})" if self.reason else ""
            sentences.append(f"{n_lost} of {self.n_packets} frames could not be decoded{reason}")
        elif ended_early_s > 0 and declared is None:
            sentences.append(f"the file ends {ended_early_s:.2f} s before its declared end")
        elif declared is None and 0 < self.n_holes <= max(1, MAX_HOLE_SHARE * self.n_frames):
            sentences.append(
                f"jumps in time ({self.n_holes}) leave room for about {self.n_in_holes} missing frames"
            )
        return tuple(sentences)
