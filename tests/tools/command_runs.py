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


def shown_on(ours, process, see):
    """All that comes out of a terminal until its programs have ended; `see(shown)` looks at it after each part."""
    shown = b""
    while True:
        readable, _, _ = select.select([ours], [], [], 60)
        if not readable:
            process.kill()
            raise AssertionError(f"nothing more came after {shown!r}")
        try:
            part = os.read(ours, 65536)
        except OSError:
            return shown
        if not part:
            return shown
        shown += part
        see(shown)


def on_terminal(command, answer=b"", interrupt_at=None, **variables):
    """Runs a command with a terminal for standard input and error; its exit code, what the terminal showed, and standard output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(list(map(str, command)), stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True,
                               env={**os.environ, **variables})
    os.close(theirs)
    answers = [answer] if answer else []
    interruptions = [interrupt_at] if interrupt_at else []

    def see(so_far):
        if answers and b"[y/N]" in so_far:
            os.write(ours, answers.pop())
        if interruptions and interruptions[0] in so_far:
            interruptions.pop()
            process.send_signal(signal.SIGINT)

    shown = shown_on(ours, process, see)
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

    def somebody_else(self, command, directory):
        """Takes the right to write to a directory; what makes a process be of a user who has no more. Skips where no such user can run it."""
        for path in [directory, *directory.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        self.addCleanup(lambda: [path.chmod(0o755) for path in [directory, *directory.rglob("*")] if path.is_dir()])
        self.root.chmod(0o755)
        # root may write everywhere
        others = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        if others and subprocess.run([command, "--version"], capture_output=True, check=False, **others).returncode != 0:
            self.skipTest("another user cannot run the command here")
        return others

    def check(self, done, code, *parts):
        """The exit code, and parts of what was said; gives all that was said."""
        said = done.stdout.decode() + done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        for part in parts:
            self.assertIn(part, said)
        return said
