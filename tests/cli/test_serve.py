"""`vidlab serve`: what it refuses, what it prints, and that it ends as it should; servers on the loopback."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest
from serving import ENVIRONMENT, START_LIMIT_S, STOP_LIMIT_S, served

from vidlab import cli

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")

from vidlab.web import listening

TOKEN = "a-token-of-this-test_2"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["serve", *words])
    got = capsys.readouterr()
    return code, got.out, got.err


def fetch(address: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(address, headers={n.replace("_", "-"): v for n, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=STOP_LIMIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# ── refused before anything is started ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--port", "70000"), 2, "port must lie in [0, 65535], got 70000"),
        (("--max-upload-mb", "0"), 2, "max_upload_mb must lie in [1, 100000], got 0"),
        (("--token", "short"), 2, "a token must be 16 to 256 letters"),
        (("--token", "sixteen letters!"), 2, "a token must be 16 to 256 letters"),
        (("--token", TOKEN, "--token-file", "t"), 2, "got --token and --token-file; leave one out"),
        (("--weights", "unet"), 2, "weights must have the form NETWORK=FILE, got 'unet'"),
        (("--weights", "unet=none.pt"), 1, "weights of unet must be a file, got none.pt"),
        (("--weights", "oracle=random"), 2, "unknown model 'oracle'"),
        (("--host", "no.such.host.invalid"), 1, "host 'no.such.host.invalid' is not known here"),
        (("--host", "192.0.2.1"), 1, "host '192.0.2.1' is no address of this machine"),
        (("--print-tunnel=-oProxyCommand=x",), 2, "a machine must be named [USER@]HOST[:PORT]"),
        (("--print-tunnel", "a b"), 2, "a machine must be named [USER@]HOST[:PORT]"),
        (("--print-tunnel", "ada@host;reboot"), 2, "a machine must be named [USER@]HOST[:PORT]"),
    ],
)
def test_mistake_is_one_sentence_and_leaves_nothing(capsys, tmp_path, monkeypatch, words, code, sentence):
    monkeypatch.chdir(tmp_path)
    got, out, err = run(capsys, *(words if "--port" in words else ("--port", "0", *words)))
    assert got == code
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_one_sentence(capsys, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run(capsys, "--port", str(port), "--home", str(tmp_path / "home"))
    assert (code, out) == (1, "")
    assert err == (
        f"vidlab: port {port} of 127.0.0.1 is in use; end what listens there, or choose another by --port\n"
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("missing", ["uvicorn", "fastapi", "python_multipart"])
def test_missing_extra_is_named(tmp_path, missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from vidlab import cli; "
        "sys.exit(cli.main(['serve', '--port', '0', '--home', 'home']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
        timeout=START_LIMIT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vidlab: the web page needs extra packages; run: pip install 'vidlab[web]'\n"
    assert list(tmp_path.iterdir()) == []


# ── tunnels ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_tunnels_are_printed_as_commands_that_ssh_understands(capsys):
    code, out, _ = run(capsys, "--print-tunnel", "ada@gpu.example.org:2222", "--port", "8010")
    commands = [shlex.split(line) for line in out.splitlines() if line and not line.startswith("#")]
    assert code == 0
    assert [words[-3:] for words in commands] == [
        [way, "127.0.0.1:8010:127.0.0.1:8010", "ada@gpu.example.org"] for way in ("-L", "-R")
    ]
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed: what it makes of the commands was not looked at")
    for words in commands:
        told = subprocess.run([*words[:1], "-G", *words[1:]], capture_output=True, text=True, check=True)
        facts = dict(line.split(" ", 1) for line in told.stdout.splitlines() if " " in line)
        assert (facts["hostname"], facts["user"], facts["port"]) == ("gpu.example.org", "ada", "2222")
        assert (facts["exitonforwardfailure"], facts["serveraliveinterval"]) == ("yes", "30")


@pytest.mark.parametrize("place", ["gpu", "ada@gpu", "ada@10.0.0.1:22", "ada@[2001:db8::1]", r"corp\ada@gpu"])
def test_places_as_ssh_takes_them(capsys, place):
    assert run(capsys, "--print-tunnel", place)[0] == 0


def test_questions_can_be_left_out(capsys):
    assert "ServerAlive" not in run(capsys, "--print-tunnel", "gpu", "--alive-s", "0")[1]


# ── the token ───────────────────────────────────────────────────────────────────────────────────────────────
def test_token_file_is_made_for_its_owner_alone_and_kept(tmp_path):
    path = tmp_path / "new" / "token"
    token = listening.token_of(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert listening.token_of(path) == token == listening.checked_token(token)


def test_token_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(listening.SourceError, match=r"must be for its owner alone; run: chmod 600"):
        listening.token_of(path)
    path.chmod(0o600)
    assert listening.token_of(path) == TOKEN


@pytest.mark.parametrize(
    ("host", "words", "has_token"),
    [("127.0.0.1", (), False), ("127.0.0.1", ("--token", TOKEN), True), ("0.0.0.0", (), True)],
)
def test_other_addresses_get_a_token(capsys, tmp_path, monkeypatch, host, words, has_token):
    def pretend(app, opened, *, stop_s, on_ready):
        on_ready()

    monkeypatch.setattr(listening, "run_server", pretend)
    code, out, _ = run(capsys, "--host", host, "--port", "0", "--home", str(tmp_path / "home"), *words)
    assert code == 0
    tokens = re.findall(r"http://\S+/\?token=(\S+)", out)
    assert bool(tokens) == has_token
    for token in tokens:
        assert listening.checked_token(token) == (TOKEN if words else token)


# ── a real server ───────────────────────────────────────────────────────────────────────────────────────────
def test_server_answers_and_ctrl_c_ends_it_with_everything_it_started(tmp_path):
    with served(folder=tmp_path) as server:
        address = server.address()
        status, page = fetch(address, Accept="text/html")
        assert (status, "<title>vidlab</title>" in page) == (200, True)
        assert fetch(f"{address}static/app.js")[0] == 200
        assert fetch(f"{address}api", Host="a.example")[0] == 403
        family = server.family()
        assert server.stop(signal.SIGINT) == 0
        _, alive = psutil.wait_procs(family, timeout=STOP_LIMIT_S)
        assert alive == []
    assert server.text.endswith("stopped; what was waiting goes on at the next start\n")
    assert "Traceback" not in server.text
    log = (tmp_path / "home" / listening.LOG_NAME).read_text("utf-8")
    assert "127.0.0.1 GET /api 403" in log


def test_two_servers_do_not_share_a_home_and_a_token_is_in_no_log(tmp_path):
    with served("--token", TOKEN, folder=tmp_path) as server:
        address = server.address()
        assert address.endswith(f"/?token={TOKEN}")
        root = address.partition("?")[0]
        assert fetch(f"{root}api")[0] == 401
        assert fetch(f"{root}api", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert fetch(address, Accept="text/html")[0] == 200
        second = subprocess.run(
            [sys.executable, "-m", "vidlab", "serve", "--port", "0", "--home", "home"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
            check=False,
        )
        assert second.returncode == 1
        assert "is in use by another server" in second.stderr
        assert second.stderr.count("\n") == 1
        assert server.stop(signal.SIGTERM) == 0
    assert TOKEN not in (tmp_path / "home" / listening.LOG_NAME).read_text("utf-8")
