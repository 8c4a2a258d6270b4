"""Every error that a user can meet, each with its own exit code.

A message has three parts: what failed, the usual cause, the next action. Library code raises; only the
command line prints and exits. ``docs/exit-codes.md`` lists the codes and a test compares the two.
"""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """Base of all errors that end a command with a message instead of a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, cause: str, action: str, details: str = "") -> None:
        """Keep the parts of the message; *details* is raw evidence such as a program's output."""
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.action = action
        self.details = details

    def __str__(self) -> str:
        """Return the whole message, one part a line, evidence first."""
        evidence = f"{self.details.rstrip()}\n\n" if self.details.strip() else ""
        return f"{evidence}error: {self.what}\n  usual cause: {self.cause}\n  what to do:  {self.action}"


class UsageError(PipelineError):
    """The command line does not make sense."""

    exit_code = 2


class SpecError(PipelineError):
    """``releases.toml`` (or the settings given beside it) is not valid."""

    exit_code = 3


class UnknownNameError(PipelineError):
    """A target, runtime or other name that is not in the tables."""

    exit_code = 4


class WorkspaceError(PipelineError):
    """The Cargo workspace cannot be read."""

    exit_code = 5


class LockfileMissingError(PipelineError):
    """The workspace has no ``Cargo.lock``."""

    exit_code = 6


class NothingToLiftError(PipelineError):
    """No build script of the product reaches the VM crate."""

    exit_code = 7


class LiftError(PipelineError):
    """A build script cannot be moved to the target without changing what it does."""

    exit_code = 8


class LockChangedError(PipelineError):
    """Packages would resolve to something else than ``Cargo.lock`` says."""

    exit_code = 9


class ToolboxError(PipelineError):
    """The tools or the sysroot cannot be assembled."""

    exit_code = 10


class NetworkError(PipelineError):
    """Something must be fetched and cannot be."""

    exit_code = 11


class IntegrityError(PipelineError):
    """What was fetched or stored is not what its digest says."""

    exit_code = 12


class DiskFullError(PipelineError):
    """No space left where something must be written."""

    exit_code = 13


class NotWritableError(PipelineError):
    """A directory that must be written to is read-only."""

    exit_code = 14


class CompileError(PipelineError):
    """Cargo or a compiler failed."""

    exit_code = 15


class ExecutorUnavailableError(PipelineError):
    """No way to run a program of the target from here."""

    exit_code = 16


class GeneratorFailedError(PipelineError):
    """The snapshot generator ran on the target and failed."""

    exit_code = 17


class GeneratorTimeoutError(PipelineError):
    """The snapshot generator did not end in time."""

    exit_code = 18


class StrayOutputError(PipelineError):
    """The snapshot generator wrote outside OUT_DIR."""

    exit_code = 19


class StitchError(PipelineError):
    """The product does not hold the snapshot that was made for it."""

    exit_code = 20


class VerificationError(PipelineError):
    """A check of the product failed."""

    exit_code = 21


class PackageError(PipelineError):
    """The product cannot be packed."""

    exit_code = 22


class HostVmError(PipelineError):
    """The virtual machine was compiled or linked for the build host."""

    exit_code = 23


class ArchiveError(PipelineError):
    """An archive is damaged, hostile or too large."""

    exit_code = 24


class ProcessFailedError(PipelineError):
    """A helper program failed in a way that no other error describes."""

    exit_code = 25


class UnsupportedError(PipelineError):
    """What is asked for can be described, but this version cannot do it."""

    exit_code = 26


class V8ArchiveError(PipelineError):
    """A prebuilt V8 is missing, or made for another architecture or version."""

    exit_code = 27


class SourceError(PipelineError):
    """The runtime's source cannot be had: unknown version, missing revision."""

    exit_code = 28


class PatchError(PipelineError):
    """A patch does not apply exactly."""

    exit_code = 29


class MemoryShortError(PipelineError):
    """The machine has too little memory for what is to be compiled."""

    exit_code = 30


class StaleFileError(PipelineError):
    """A generated file does not say what it is made from any more."""

    exit_code = 31


class PublishError(PipelineError):
    """A release cannot be published, changed or withdrawn as things stand."""

    exit_code = 32


class ReleaseError(PipelineError):
    """What was built, or what is there of an earlier release, does not make a release."""

    exit_code = 33


class ImageError(PipelineError):
    """An image cannot be described or written as it is asked for."""

    exit_code = 34


class RegistryError(PipelineError):
    """A registry of images does not give or take what it should, or holds what must not be changed."""

    exit_code = 35


class RootError(PipelineError):
    """An emulated root cannot be made, entered or exported."""

    exit_code = 36


class PrebuildError(PipelineError):
    """An addon or program cannot be built for others, checked, or packed for them."""

    exit_code = 37


class InstallError(PipelineError):
    """No prebuild can be installed here: none fits, none works, or it lies where nothing may be fetched from."""

    exit_code = 38


class StoppedError(PipelineError):
    """The user or the system asked the command to stop."""

    exit_code = 130
