// SPDX-License-Identifier: BSD-3-Clause
//! The loader's network without its checks, to measure transport alone (budget N1).
//!
//! It is compiled from the loader's own drivers, and downloads as the loader does: ranges of both files in parallel,
//! over as many connections, but without hashing. Then it prints checksums of what it got, as the kernel of the other
//! side does.
// On Linux it is only type-checked, by editors and cargo.
#![cfg_attr(not(target_os = "linux"), no_std)]
#![no_main]
#![deny(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

extern crate alloc;

#[path = "../../../loader/src/clock.rs"]
#[expect(dead_code, reason = "only the loader asks for the time of day")]
mod clock;
#[path = "../../../loader/src/entropy.rs"]
mod entropy;
#[path = "../../../loader/src/handle.rs"]
mod handle;
#[path = "../../../loader/src/memory.rs"]
mod memory;
#[path = "../../../loader/src/nic/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "only the loader shows cards, and stops them before it starts something"
)]
mod nic;
#[cfg(not(target_os = "linux"))]
mod panic;

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::{fmt, time::Duration};

use bench_guest::{ADDRESS, sum_of};
use crypto::Random as _;
use flow::Clock as _;
use http::{Client, Division, Error, Observer, Range, Request, Response, Slot, Slots, Source, Url};
use uefi::{
    CString16, Status, boot, entry,
    fs::FileSystem,
    println,
    runtime::{self, ResetType},
};
use uplink::{Uplink, Wishes};

use crate::{clock::Clock, entropy::ENTROPY};

#[global_allocator]
static HEAP: uefi::allocator::Allocator = uefi::allocator::Allocator;

/// The loader's pause between two polls of idle cards.
const PAUSE: Duration = Duration::from_micros(20);

#[entry]
fn main() -> Status {
    if let Err(why) = run() {
        println!("bench:failed={why};");
    }
    runtime::reset(ResetType::SHUTDOWN, Status::SUCCESS, None)
}

fn run() -> Result<(), String> {
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    let server = address()?;
    let machine = Machine(Clock::start());
    println!("bench-begins");
    let cards = nic::start(&machine, &mut Vec::new());
    let uplink = Uplink::start(cards, Wishes::default(), &machine, None).map_err(|why| format!("{why}"))?;
    let client = Client::new(&uplink);
    let [kernel, initrd] = uplink.run(Box::pin(both(&client, &server))).map_err(|why| format!("{why}"))?;
    println!("bench:entry={};", clock::counter());
    for (name, bytes) in [("kernel", kernel), ("initrd", initrd)] {
        println!("bench:{name}={}:{:x};", bytes.len(), sum_of(&bytes));
    }
    Ok(())
}

/// The server's URL `http://HOST:PORT`, from a file on the boot volume.
fn address() -> Result<String, String> {
    let failed = |why: &dyn fmt::Display| format!("{ADDRESS}: {why}");
    let volume = boot::get_image_file_system(boot::image_handle()).map_err(|why| failed(&why))?;
    let name = CString16::try_from(ADDRESS).map_err(|why| failed(&why))?;
    FileSystem::new(volume).read_to_string(name.as_ref()).map_err(|why| failed(&why))
}

/// Kernel and initrd.
async fn both(client: &Client<&Uplink<'_>>, server: &str) -> Result<[Vec<u8>; 2], Error> {
    let division = Division::default();
    let slots = Slots::new(division.ranges);
    let file = |name| Ok(File { client, url: Url::parse(&format!("{server}/{name}"))?, slots: &slots });
    let (kernel, initrd) = (file("kernel")?, file("initrd")?);
    let mut bytes = [kernel.room().await?, initrd.room().await?];
    let tasks = [&kernel, &initrd].into_iter().zip(&mut bytes).map(|(file, place)| {
        let task: dial::Task<'_, Error> = Box::pin(http::download(file, place, division, &Unchecked));
        task
    });
    dial::all(tasks.collect()).await?;
    Ok(bytes)
}

/// A file of the server.
struct File<'s, 'c, 'm> {
    client: &'s Client<&'c Uplink<'m>>,
    url: Url,
    slots: &'s Slots,
}

impl File<'_, '_, '_> {
    /// Memory of its size.
    async fn room(&self) -> Result<Vec<u8>, Error> {
        let request = Request { method: http::Method::Head, ..Request::get(&self.url) };
        let response = self.client.send(&request).await?.success()?;
        let length = response.head().field("Content-Length").and_then(|text| text.parse().ok());
        Ok(vec![0; length.unwrap_or(0)])
    }
}

impl<'c, 'm> Source for File<'_, 'c, 'm> {
    type Dial = &'c Uplink<'m>;
    type Error = Error;

    fn dial(&self) -> &Self::Dial {
        self.client.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, Self::Dial>, Error> {
        self.client.send(&Request { range, ..Request::get(&self.url) }).await?.success()
    }

    async fn slot(&self) -> Option<Slot<'_>> {
        Some(self.slots.take().await)
    }

    async fn broken(&self, _failures: u32, _since: Duration, error: Error) -> Result<(), Error> {
        Err(error)
    }
}

/// A consumer that ignores the bytes.
struct Unchecked;

impl Observer for Unchecked {
    fn arrived(&self, _bytes: usize) {}

    fn take(&self, _bytes: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// The machine's services for the network.
struct Machine(Clock);

impl uplink::Machine for Machine {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn pause(&self) {
        boot::stall(PAUSE);
    }

    fn fill(&self, bytes: &mut [u8]) {
        // Nothing is secret here; the loader would refuse to continue without entropy.
        let _ = ENTROPY.fill(bytes);
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        println!("{text}");
    }
}

impl flow::Console for Machine {
    fn progress(&self, _text: fmt::Arguments<'_>) {}

    fn line(&self, text: fmt::Arguments<'_>) {
        println!("{text}");
    }
}
