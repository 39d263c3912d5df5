"""Running `larder` and looking at what it did, for the tests of its subcommands."""
import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import unittest


def state_of(directory):
    """All that one can see of a directory: names, bytes, times, permissions."""
    return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
            for path in sorted([directory, *directory.rglob("*")])}


def on_terminal(command, answer=b"", interrupt_at=None):
    """Runs a command with a terminal for standard input and error; its exit code, what the terminal showed, and standard output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(list(map(str, command)), stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True)
    os.close(theirs)
    shown = b""
    interrupted = False
    while True:
        readable, _, _ = select.select([ours], [], [], 60)
        if not readable:
            process.kill()
            raise AssertionError(f"nothing more came after {shown!r}")
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
        if answer and b"[y/N]" in shown:
            os.write(ours, answer)
            answer = b""
        if interrupt_at and not interrupted and interrupt_at in shown:
            process.send_signal(signal.SIGINT)
            interrupted = True
    said = process.stdout.read().decode()
    code = process.wait(60)
    os.close(ours)
    process.stdout.close()
    return code, shown.decode(), said


class CommandRuns(unittest.TestCase):
    """Tests in a folder of their own, `root`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="larder_command_")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def check(self, done, code, *parts):
        """The exit code, and parts of what was said; gives all that was said."""
        said = done.stdout.decode() + done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        for part in parts:
            self.assertIn(part, said)
        return said
