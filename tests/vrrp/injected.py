"""A fault inside a running server that no client can cause: a worker loses what it waits with.

The worker is made to replace its epoll by its standard input, as if a bug had closed a descriptor
of somebody else. Its next wait fails, which the server takes for a broken promise, and panics. So
the server under test is the one that is shipped, and the panic one of its own.
"""

import ctypes
import os
import platform
import time
from pathlib import Path

PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH = 9, 12, 13, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
DUP2, EPOLL_WAIT, EPOLL_PWAIT = 33, 232, 281
NO_SYSCALL = (1 << 64) - 1
SYSCALL_LENGTH = 2

SUPPORTED = platform.machine() == "x86_64"

REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
).split()

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Registers(ctypes.Structure):
    """`struct user_regs_struct` of x86-64."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def break_a_worker(pid):
    """Take the epoll from a worker of the server, which goes on at once, without it."""
    thread = worker_of(pid)
    deadline = time.monotonic() + 10
    while not _break(thread):
        assert time.monotonic() < deadline, "the worker is never found waiting"
        time.sleep(0.01)


def worker_of(pid):
    """The thread id of a worker."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("worker-"):
            return int(task.name)
    raise AssertionError("the server has no worker")


def _break(thread):
    """Whether it was waiting, and has lost what it waited with."""
    _ptrace(PTRACE_SEIZE, thread)
    try:
        _ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
        waiting = _registers(thread)
        if waiting.orig_rax not in (EPOLL_WAIT, EPOLL_PWAIT):
            return False
        # The same instruction once more, as another call: its first argument is the epoll.
        call = Registers.from_buffer_copy(waiting)
        call.rip = waiting.rip - SYSCALL_LENGTH
        call.rax, call.orig_rax = DUP2, NO_SYSCALL
        call.rdi, call.rsi = 0, waiting.rdi
        _ptrace(PTRACE_SETREGS, thread, ctypes.addressof(call))
        _ptrace(PTRACE_SINGLESTEP, thread)
        os.waitpid(thread, WALL)
        assert _registers(thread).rax == waiting.rdi, "dup2 is refused"
        waiting.orig_rax = NO_SYSCALL
        _ptrace(PTRACE_SETREGS, thread, ctypes.addressof(waiting))
        return True
    finally:
        _ptrace(PTRACE_DETACH, thread)


def _registers(thread):
    registers = Registers()
    _ptrace(PTRACE_GETREGS, thread, ctypes.addressof(registers))
    return registers


def _ptrace(request, thread, data=0):
    if _libc.ptrace(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request}: {os.strerror(number)}")
