//! The last step into a container: the only program of ours that runs where the container can see it.
//!
//! nicon-nsexec executes this when the namespaces are joined and all that the command must not have is given up. So what
//! is born in the container's PID namespace has the command's credentials from its first moment, and memory that never
//! held anything else. `build.rs` compiles it; nicon-nsexec carries it along (see `src/exec/image.rs`).
//!
//! There is no policy in it. It does what its arguments say, with texts that are ready for printing:
//!
//! ```text
//! NAME, fork|exec, [WHAT, FILE, LABEL]..., "", FILTERS, PROC, WHAT, [PATH]..., "", [ARGUMENT]...
//! ```
//!
//! - Each LABEL is written to FILE below the /proc that is open as [`PROC`]: it counts from the next exec.
//! - `fork`: the command becomes a child of the caller's, for which it waits until the caller sends a byte to [`STATUS`];
//!   the caller is sent the PID in four bytes. `exec`: this process becomes the command.
//! - If FILTERS, a WHAT, is not empty, the seccomp filters in the file [`FILTERS`] are installed: last of all, since they need not
//!   permit more than the exec. Until then the process is not dumpable, lest the container trace one without a filter.
//! - If PROC, a WHAT, is not empty, the /proc of this process's PID namespace is mounted over the other one.
//! - The PATHs are tried in turn with the ARGUMENTs, as `execvp(3)` does.
//! - A failure is printed as WHAT and the reason.
#![no_std]
#![no_main]
#![no_builtins]
#![allow(unsafe_code, reason = "a program without a C library makes its system calls itself")]

mod sys;

use sys::{Text, call, exit};

/// The descriptor of the socket to the caller.
const STATUS: usize = 3;

/// The descriptor of the /proc in which labels are set.
const PROC: usize = 4;

/// The descriptor of the file with filters: of each the flags, the number of instructions, and these.
const FILTERS: usize = 5;

/// The exit status for a failure of our own; that of a command that is not found, or cannot be executed: `env(1)`.
const FAILED: usize = 125;
const NOT_EXECUTABLE: usize = 126;
const NOT_FOUND: usize = 127;

/// The rest of the arguments.
#[derive(Clone, Copy)]
struct Words(*mut Text);

impl Words {
    /// The next one; behind the last one, empty ones: a container may execute this program with arguments of its own.
    fn take(&mut self) -> Text {
        // SAFETY: a null pointer follows the last one, and we go no further.
        unsafe {
            let word = *self.0;
            if word.is_null() {
                return Text::new(c"");
            }
            self.0 = self.0.add(1);
            word
        }
    }
}

/// The program, from where the kernel has put the number of arguments, the arguments and the environment.
unsafe extern "C" fn start(stack: *mut usize) -> ! {
    // SAFETY: the arguments are as many pointers to C strings, and a null pointer; then comes the environment.
    let (mut words, environment) = unsafe { (Words(stack.add(2).cast()), stack.add(2 + *stack)) };
    let forks = words.take().starts_with(b'f');
    loop {
        let what = words.take();
        if what.is_empty() {
            break;
        }
        set_label(what, words.take(), words.take());
    }
    // A way to the caller's processes, also for the command of this process.
    call(sys::CLOSE, [PROC, 0, 0, 0, 0]);
    let filters = words.take();
    if !filters.is_empty() {
        call(sys::PRCTL, [sys::PR_SET_DUMPABLE, 0, 0, 0, 0]);
    }
    if forks {
        fork();
    }
    let proc = words.take();
    if !proc.is_empty() {
        mount_proc(proc);
    }
    if !filters.is_empty() {
        install_filters(filters);
    }
    let (what, paths) = (words.take(), words);
    while !words.take().is_empty() {}
    run(what, paths, words, environment)
}

fn set_label(what: Text, file: Text, label: Text) {
    let opened = call(sys::OPENAT, [PROC, file.address(), sys::O_WRONLY | sys::O_CLOEXEC, 0, 0]);
    let written = if opened < 0 {
        opened
    } else {
        call(sys::WRITE, [opened.unsigned_abs(), label.address(), label.length(), 0, 0])
    };
    if written < 0 {
        fail(what, written, FAILED);
    }
    call(sys::CLOSE, [opened.unsigned_abs(), 0, 0, 0, 0]);
}

/// Goes on in a child of the caller's, once the caller is ready for it.
fn fork() {
    // It is not for the command.
    call(sys::FCNTL, [STATUS, sys::F_SETFD, sys::FD_CLOEXEC, 0, 0]);
    let child = call(sys::CLONE, [sys::CLONE_PARENT | sys::SIGCHLD, 0, 0, 0, 0]);
    if child < 0 {
        let what = match child {
            // So the kernel answers as well where the first process of the namespace has ended: none is born there any more.
            sys::ENOMEM => {
                c"nicon-nsexec: start a process in its PID namespace, whose init has ended or memory is short"
            }
            _ => c"nicon-nsexec: start a process in its PID namespace",
        };
        fail(Text::new(what), child, FAILED);
    }
    let mut word = [0_u8; 4];
    if child > 0 {
        word = (child as i32).to_ne_bytes();
        call(sys::WRITE, [STATUS, word.as_ptr() as usize, 4, 0, 0]);
        exit(0);
    }
    call(sys::PRCTL, [sys::PR_SET_PDEATHSIG, sys::SIGKILL, 0, 0, 0]);
    // Without the caller, who is to watch us, there is nothing to read.
    if call(sys::READ, [STATUS, word.as_mut_ptr() as usize, 1, 0, 0]) != 1 {
        exit(FAILED);
    }
}

fn mount_proc(what: Text) {
    let (kind, place) = (Text::new(c"proc"), Text::new(c"/proc"));
    let flags = sys::MS_NOSUID | sys::MS_NODEV | sys::MS_NOEXEC;
    let mounted = call(sys::MOUNT, [kind.address(), place.address(), kind.address(), flags, 0]);
    if mounted < 0 {
        fail(what, mounted, FAILED);
    }
}

/// As many words of 32 bits as the filters of a process have at most.
const FILTER_WORDS: usize = 1 << 16;
static mut FILTER_BUFFER: [u32; FILTER_WORDS] = [0; FILTER_WORDS];

/// `struct sock_fprog` of linux/filter.h.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const u32,
}

fn install_filters(what: Text) {
    let buffer = &raw const FILTER_BUFFER;
    let read = call(sys::READ, [FILTERS, buffer as usize, 4 * FILTER_WORDS, 0, 0]);
    if read < 0 {
        fail(what, read, FAILED);
    }
    call(sys::CLOSE, [FILTERS, 0, 0, 0, 0]);
    let (mut next, mut left) = (buffer.cast::<u32>(), read.unsigned_abs() / 4);
    while left >= 2 {
        // SAFETY: `left` words follow, which the kernel has written; an instruction has two.
        let (flags, length) = unsafe { (*next, *next.add(1)) };
        let program = Program { length: length as u16, instructions: next.wrapping_add(2) };
        let words = 2 + 2 * length as usize;
        let set = if words > left {
            sys::EINVAL
        } else {
            call(sys::SECCOMP, [sys::SET_MODE_FILTER, flags as usize, &raw const program as usize, 0, 0])
        };
        if set < 0 {
            fail(what, set, FAILED);
        }
        (next, left) = (next.wrapping_add(words), left - words);
    }
}

/// Becomes the command. In front of its arguments there is the empty word that ends the list of paths.
fn run(what: Text, mut paths: Words, arguments: Words, environment: *mut usize) -> ! {
    let mut error = sys::ENOENT;
    loop {
        let path = paths.take();
        if path.is_empty() {
            break;
        }
        match execute(path, arguments, environment) {
            sys::ENOENT | sys::ENOTDIR => {}
            // Reported if no later one can be executed.
            sys::EACCES => error = sys::EACCES,
            sys::ENOEXEC => {
                error = run_script(path, arguments, environment);
                break;
            }
            other => {
                error = other;
                break;
            }
        }
    }
    fail(what, error, if error == sys::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE })
}

/// Runs a file that may be executed, but that the kernel cannot, as a script of the shell. Returns the error.
fn run_script(path: Text, arguments: Words, environment: *mut usize) -> isize {
    let shell = Text::new(c"/bin/sh");
    // SAFETY: the empty word makes room for the shell's name, and the path takes the place of the command's.
    let arguments = unsafe {
        let first = arguments.0.sub(1);
        *first = shell;
        *arguments.0 = path;
        Words(first)
    };
    match execute(shell, arguments, environment) {
        sys::ENOENT => sys::ENOEXEC,
        error => error,
    }
}

/// `execve(2)`; returns the negative errno.
fn execute(path: Text, arguments: Words, environment: *mut usize) -> isize {
    call(sys::EXECVE, [path.address(), arguments.0 as usize, environment as usize, 0, 0])
}

/// Prints what failed, and why, and ends.
fn fail(what: Text, error: isize, status: usize) -> ! {
    let reason = match -error {
        1 => c"Operation not permitted",
        2 => c"No such file or directory",
        5 => c"Input/output error",
        7 => c"Argument list too long",
        8 => c"Exec format error",
        11 => c"Resource temporarily unavailable",
        12 => c"Cannot allocate memory",
        13 => c"Permission denied",
        22 => c"Invalid argument",
        26 => c"Text file busy",
        36 => c"File name too long",
        40 => c"Too many levels of symbolic links",
        _ => c"the kernel refuses it",
    };
    // One write, so that messages of several programs do not interleave.
    let texts = [what, Text::new(c": "), Text::new(reason), Text::new(c"\n")];
    let pieces = texts.map(|text| [text.address(), text.length()]);
    call(sys::WRITEV, [2, pieces.as_ptr() as usize, pieces.len(), 0, 0]);
    exit(status)
}
