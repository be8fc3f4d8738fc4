// SPDX-License-Identifier: BSD-3-Clause
//! Where the start leaves its time for the kernel: an entry of the firmware's configuration table, which no boot
//! loader in between looks at, and which costs nothing while it runs.

use core::ptr::NonNull;

use uefi::{Guid, boot, guid, mem::memory_map::MemoryType, system};

/// Ours alone.
static TABLE: Guid = guid!("8d2f1d5c-6f0a-4d39-9b0e-3a1f6f2f4c11");

/// Time of the loader's start, and ticks of the counter in a second.
pub type Times = [u64; 2];

/// The entry.
pub struct Mark(NonNull<Times>);

impl Mark {
    /// Makes the entry; its memory is never freed.
    #[allow(dead_code, reason = "the start makes it, the kernel reads it")]
    pub fn install() -> uefi::Result<Self> {
        let times: NonNull<Times> = boot::allocate_pool(MemoryType::LOADER_DATA, size_of::<Times>())?.cast();
        let mark = Self(times);
        mark.set([0; 2]);
        // SAFETY: the GUID is static, and what it names stands there until the machine ends.
        unsafe { boot::install_configuration_table(&TABLE, times.as_ptr().cast()) }?;
        Ok(mark)
    }

    /// The entry that the start made.
    #[allow(dead_code, reason = "the start makes it, the kernel reads it")]
    pub fn find() -> Option<Self> {
        let entry = |table: &[uefi::table::cfg::ConfigTableEntry]| {
            table.iter().find(|entry| entry.guid == TABLE).map(|entry| entry.address)
        };
        NonNull::new(system::with_config_table(entry)?.cast_mut()).map(|times| Self(times.cast()))
    }

    #[allow(dead_code, reason = "the start makes it, the kernel reads it")]
    pub fn set(&self, times: Times) {
        // SAFETY: pool memory is aligned to eight bytes, this has the size of the times and is never freed; nobody else
        // uses it while one program runs.
        unsafe { self.0.write(times) };
    }

    #[allow(dead_code, reason = "the start makes it, the kernel reads it")]
    pub fn times(&self) -> Times {
        // SAFETY: as above, and `install` has written it.
        unsafe { self.0.read() }
    }
}
