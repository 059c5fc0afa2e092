//! Functions that take the place of the C library's.
//!
//! A system call that fails is not noted, and nothing is done after it that could change `errno`.
#![expect(
    unsafe_code,
    reason = "these functions have C's interface, and make system calls with what they are given"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "system calls return what fits the function that they are for"
)]
#![expect(clippy::cast_sign_loss, reason = "results are looked at first, and files have no negative offsets")]

use crate::registry::{self, Recording};
use crate::{Op, Target};
use libc::{c_char, c_int, c_uint, c_void, mode_t, off_t, size_t, ssize_t, syscall};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

/// How long a recorded sync takes, so that others work meanwhile, as they would beside a disk.
const SYNC: Duration = Duration::from_micros(200);

/// Makes the linker take this file's functions: it takes those only that are referred to, and with them the rest.
pub(crate) fn link() {
    let functions: [*const (); 16] = [
        open as *const (),
        open64 as *const (),
        close as *const (),
        write as *const (),
        pwrite as *const (),
        pwrite64 as *const (),
        ftruncate as *const (),
        ftruncate64 as *const (),
        fsync as *const (),
        fdatasync as *const (),
        unlink as *const (),
        rename as *const (),
        mkdir as *const (),
        posix_fallocate as *const (),
        posix_fallocate64 as *const (),
        fallocate64 as *const (),
    ];
    std::hint::black_box(functions);
}

/// The recording in whose folder a path lies, and the path in it.
///
/// # Safety
/// The path is null or ends with a zero.
unsafe fn below(path: *const c_char) -> Option<(Arc<Recording>, PathBuf)> {
    if path.is_null() || !registry::begun() {
        return None;
    }
    // SAFETY: it is not null, and the caller says that it ends.
    let path = unsafe { CStr::from_ptr(path) };
    registry::below(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// # Safety
/// As for C's `open`. It takes a third argument only with flags that make files; what is in its place otherwise is a
/// number like any other, and not used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller gives what `openat` asks for.
    let call =
        || unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, c_uint::from(mode)) } as c_int;
    // SAFETY: the caller gives a path.
    let Some((recording, inside)) = (unsafe { below(path) }) else { return call() };
    recording.with(|state| {
        let fd = call();
        if fd >= 0 {
            let target = state.opened(inside, is_folder(fd));
            if let Target::File(file) = target
                && flags & libc::O_TRUNC != 0
            {
                state.ops.push(Op::Resize { file, len: 0 });
            }
            registry::open(fd, &recording, target);
        }
        fd
    })
}

/// # Safety
/// As for [`open`], which it is on 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the same.
    unsafe { open(path, flags, mode) }
}

fn is_folder(fd: c_int) -> bool {
    // SAFETY: all zeros is a `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `fstat` fills what it is pointed to, which lives on.
    (unsafe { libc::fstat(fd, &raw mut stat) }) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

/// # Safety
/// As for C's `close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    // Before it can be another file's.
    registry::close(fd);
    // SAFETY: the caller says that it is its own.
    (unsafe { syscall(libc::SYS_close, fd) }) as c_int
}

/// Makes a call that writes to a file and returns how much; notes it.
///
/// # Safety
/// At `buffer` there are as many bytes as `call` says that it wrote.
unsafe fn writing(
    fd: c_int,
    buffer: *const c_void,
    offset: Option<off_t>,
    call: impl Fn() -> ssize_t,
) -> ssize_t {
    let Some((recording, Target::File(file))) = registry::opened(fd) else { return call() };
    recording.with(|state| {
        // SAFETY: it changes nothing.
        let offset = offset.unwrap_or_else(|| unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) });
        let written = call();
        if written > 0 {
            // SAFETY: the caller says so.
            let data = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), written as usize) };
            state.ops.push(Op::Write { file, offset: offset as u64, data: data.into() });
        }
        written
    })
}

/// # Safety
/// As for C's `write`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: the caller gives that many bytes, and the call writes no more.
    unsafe { writing(fd, buffer, None, || syscall(libc::SYS_write, fd, buffer, count) as ssize_t) }
}

/// # Safety
/// As for C's `pwrite`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the caller gives that many bytes, and the call writes no more.
    unsafe {
        writing(fd, buffer, Some(offset), || {
            syscall(libc::SYS_pwrite64, fd, buffer, count, offset) as ssize_t
        })
    }
}

/// # Safety
/// As for [`pwrite`], which it is on 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the same.
    unsafe { pwrite(fd, buffer, count, offset) }
}

/// Makes a call that changes a file's size; notes it with the size that came of it.
fn resizing(fd: c_int, call: impl Fn() -> c_int) -> c_int {
    let Some((recording, Target::File(file))) = registry::opened(fd) else { return call() };
    recording.with(|state| {
        let result = call();
        if result == 0 {
            // SAFETY: all zeros is a `stat`, and `fstat` fills what it is pointed to, which lives on.
            let len = unsafe {
                let mut stat: libc::stat = std::mem::zeroed();
                libc::fstat(fd, &raw mut stat);
                stat.st_size
            };
            state.ops.push(Op::Resize { file, len: len as u64 });
        }
        result
    })
}

/// # Safety
/// As for C's `ftruncate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    // SAFETY: numbers alone.
    resizing(fd, || unsafe { syscall(libc::SYS_ftruncate, fd, len) } as c_int)
}

/// # Safety
/// As for [`ftruncate`], which it is on 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, len: off_t) -> c_int {
    // SAFETY: the same.
    unsafe { ftruncate(fd, len) }
}

/// # Safety
/// As for C's `fallocate`. A mode that changes content is not noted as such; the comparison with the files shows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> c_int {
    // SAFETY: numbers alone.
    resizing(fd, || unsafe { syscall(libc::SYS_fallocate, fd, mode, offset, len) } as c_int)
}

/// # Safety
/// As for C's `fallocate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> c_int {
    // SAFETY: the same.
    unsafe { fallocate64(fd, mode, offset, len) }
}

/// # Safety
/// As for C's `posix_fallocate`, which returns the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, offset: off_t, len: off_t) -> c_int {
    // SAFETY: numbers alone.
    if unsafe { fallocate64(fd, 0, offset, len) } == 0 {
        return 0;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// # Safety
/// As for [`posix_fallocate`], which it is on 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate64(fd: c_int, offset: off_t, len: off_t) -> c_int {
    // SAFETY: the same.
    unsafe { posix_fallocate(fd, offset, len) }
}

/// Notes a sync that takes its time; makes it only in a process without recordings.
fn syncing(fd: c_int, call: impl Fn() -> c_int) -> c_int {
    if !registry::begun() {
        return call();
    }
    if let Some((recording, target)) = registry::opened(fd) {
        let sync = recording.with(|state| state.sync_begins(target));
        sleep(SYNC);
        recording.with(|state| state.ops.push(Op::SyncDone { sync }));
    }
    0
}

/// # Safety
/// As for C's `fsync`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    // SAFETY: a number alone.
    syncing(fd, || unsafe { syscall(libc::SYS_fsync, fd) } as c_int)
}

/// # Safety
/// As for C's `fdatasync`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: a number alone.
    syncing(fd, || unsafe { syscall(libc::SYS_fdatasync, fd) } as c_int)
}

/// # Safety
/// As for C's `unlink`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller gives a path.
    let call = || unsafe { syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) } as c_int;
    // SAFETY: the same.
    let Some((recording, inside)) = (unsafe { below(path) }) else { return call() };
    recording.with(|state| {
        let result = call();
        if result == 0 {
            state.removed(inside);
        }
        result
    })
}

/// # Safety
/// As for C's `rename`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller gives two paths.
    let call =
        || unsafe { syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) } as c_int;
    // SAFETY: the same.
    let (Some((recording, from)), Some((_, to))) = (unsafe { (below(from), below(to)) }) else {
        return call();
    };
    recording.with(|state| {
        let result = call();
        if result == 0 {
            state.renamed(from, to);
        }
        result
    })
}

/// # Safety
/// As for C's `mkdir`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the caller gives a path.
    let call = || unsafe { syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, c_uint::from(mode)) } as c_int;
    // SAFETY: the same.
    let Some((recording, inside)) = (unsafe { below(path) }) else { return call() };
    recording.with(|state| {
        let result = call();
        if result == 0 {
            state.ops.push(Op::MakeFolder { path: inside });
        }
        result
    })
}
