//! Strings as the kernel hands them to a new process, read and put together without the C library.

use std::mem::MaybeUninit;

use super::system::call;

/// Arguments or environment.
#[derive(Clone)]
pub(crate) struct Strings(pub(super) *const *const u8);

impl Iterator for Strings {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        // SAFETY: a null pointer follows the last one, and we go no further.
        unsafe {
            let string = *self.0;
            if string.is_null() {
                return None;
            }
            self.0 = self.0.add(1);
            Some(Text(string))
        }
    }
}

/// Whether the program was given more rights than its caller has: `AT_SECURE` of `getauxval(3)`, in what follows the environment.
pub(crate) fn is_secure(environment: &Strings) -> bool {
    let mut rest = environment.clone();
    while rest.next().is_some() {}
    // SAFETY: behind the null pointer are pairs of a type and a value, the last one of type `AT_NULL`, and we go no further.
    unsafe {
        let mut pair = rest.0.add(1).cast::<[u64; 2]>();
        loop {
            match *pair {
                [libc::AT_NULL, _] => return false,
                [libc::AT_SECURE, value] => return value != 0,
                _ => pair = pair.add(1),
            }
        }
    }
}

/// The rest of one of them, byte by byte: to look for its end at once would be a function of the C library.
#[derive(Clone)]
pub(crate) struct Text(*const u8);

impl Iterator for Text {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        // SAFETY: a NUL follows the last byte, and we go no further.
        unsafe {
            let byte = *self.0;
            if byte == 0 {
                return None;
            }
            self.0 = self.0.add(1);
            Some(byte)
        }
    }
}

impl Text {
    /// The rest after `start`, if it begins with that.
    pub(crate) fn behind(mut self, start: &[u8]) -> Option<Self> {
        start.iter().all(|byte| self.next() == Some(*byte)).then_some(self)
    }
}

/// A path that is put together, in a place where it stays: to move it would be a function of the C library.
pub(crate) struct Path<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    length: usize,
}

impl<'a> Path<'a> {
    pub(crate) fn new(bytes: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { bytes, length: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a byte; `None` if there is no room.
    pub(crate) fn push(&mut self, byte: u8) -> Option<()> {
        self.bytes.get_mut(self.length)?.write(byte);
        self.length += 1;
        Some(())
    }

    /// Appends all of these bytes; `None` if there is no room.
    pub(crate) fn push_all(&mut self, mut bytes: impl Iterator<Item = u8>) -> Option<()> {
        bytes.try_for_each(|byte| self.push(byte))
    }

    /// The path for a system call: its address, valid as long as the path is.
    pub(super) fn address(&mut self) -> Option<usize> {
        self.push(0)?;
        Some(self.bytes.as_ptr() as usize)
    }

    /// Executes it; returns the errno.
    pub(crate) fn execute(mut self, arguments: &Strings, environment: &Strings) -> Option<i32> {
        let path = self.address()?;
        // SAFETY: the path ends with NUL, and the others are as the kernel gave them to us.
        let failed = unsafe { call(libc::SYS_execve, [path, arguments.0 as usize, environment.0 as usize, 0, 0]) };
        i32::try_from(-failed).ok()
    }
}
