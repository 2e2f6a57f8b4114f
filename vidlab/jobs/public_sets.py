"""The public data sets that can be fetched: where they are, what is known of them, who may use them."""

from dataclasses import dataclass

from vidlab.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Archive:
    """One file of a data set, as its makers offer it.

    Attributes:
        name: File name.
        url: Where it is.
        sha256: Its SHA-256, None where nobody published one that we know.
        n_bytes: Its size, None likewise.
    """

    name: str
    url: str
    sha256: str | None = None
    n_bytes: int | None = None

    @property
    def check(self) -> str:
        """Say how it will be checked."""
        if self.sha256 is not None:
            return f"SHA-256 {self.sha256[:8]}…"
        return "hash not known: size and archive integrity are checked"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public data set.

    Attributes:
        name: Its name on the command line.
        title: What it is.
        home: Its page.
        licence: Who may do what, in sentences.
        cite: The paper to cite.
        archives: Its files.
    """

    name: str
    title: str
    home: str
    licence: str
    cite: str
    archives: tuple[Archive, ...]

    @property
    def notice(self) -> str:
        """Everything a user should have read, as it is stored beside the data."""
        return f"{self.title}\n{self.home}\n\nLicence: {self.licence}\nPlease cite: {self.cite}\n"


# Size and hash of the lists of UCF101 and of DAVIS 2017 are those that TensorFlow Datasets records for the
# same addresses (its checksums of ucf101 and davis); for the other two files we know of none.
SETS = {
    each.name: each
    for each in (
        PublicSet(
            "ucf101",
            "UCF101: 13,320 clips of 101 human actions, 320×240, and the lists of its three splits",
            "https://www.crcv.ucf.edu/data/UCF101.php",
            "none is stated. The clips were collected from YouTube, and the rights stay with those who "
            "filmed them; the set is offered for research.",
            "Soomro, Zamir and Shah, UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild, "
            "CRCV-TR-12-01, 2012.",
            (
                Archive(
                    "UCF101TrainTestSplits-RecognitionTask.zip",
                    "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip",
                    "5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27",
                    113_943,
                ),
                Archive("UCF101.rar", "https://www.crcv.ucf.edu/data/UCF101/UCF101.rar"),
            ),
        ),
        PublicSet(
            "davis2016",
            "DAVIS 2016: 50 sequences with a true mask of one object in every frame, 480p and 1080p",
            "https://davischallenge.org/davis2016/code.html",
            "Creative Commons Attribution-NonCommercial 4.0 (CC BY-NC 4.0).",
            "Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, "
            "CVPR 2016.",
            (Archive("DAVIS-data.zip", "https://graphics.ethz.ch/Downloads/Data/Davis/DAVIS-data.zip"),),
        ),
        PublicSet(
            "davis2017",
            "DAVIS 2017, train and val, 480p: 90 sequences with true masks of several objects in every frame",
            "https://davischallenge.org/davis2017/code.html",
            "that of its home page, and of the files in the archive that state one; it holds the sequences "
            "of DAVIS 2016, which are CC BY-NC 4.0.",
            "Pont-Tuset et al., The 2017 DAVIS Challenge on Video Object Segmentation, arXiv:1704.00675.",
            (
                Archive(
                    "DAVIS-2017-trainval-480p.zip",
                    "https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip",
                    "e3d0b5b77c3d031b000a19e0e25e3e2cac65d183755601bc2cf066df1a2aa492",
                    832_766_765,
                ),
            ),
        ),
    )
}


def public_set(name: str) -> PublicSet:
    """Return a data set by its name.

    Raises:
        ParameterError: There is none of this name.
    """
    if name not in SETS:
        raise ParameterError(f"unknown data set {name!r}; choose from: {', '.join(SETS)}")
    return SETS[name]
