// SPDX-License-Identifier: BSD-3-Clause
//! Compressed clusters.

use alloc::boxed::Box;

use block::{BlockRead, ReadError};
use damage::Fault;
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
};
use ruzstd::{
    decoding::{
        BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError, errors::ReadFrameHeaderError,
    },
    io::Read as _,
};

use crate::{Compression, corrupt, length, zeros};

const SECTOR: u64 = 512;
/// Bits of an entry that say what it is.
const FLAGS: u64 = 3 << 62;
/// The largest window of a frame in bytes, which the decoder takes memory for: what RFC 8878 wants of every
/// decoder. A cluster, and so the window that an encoder has use for, is of 2 MiB at most.
const WINDOW_LIMIT: u64 = 8 << 20;
/// QEMU writes one frame and reads more. Each costs a decoder's tables.
const MOST_FRAMES: usize = 16;

/// Content of a block, below what any encoder makes, and blocks more than that: the decoder keeps a window's
/// worth of content before it yields any, so that four bytes for 128 KiB would go on for long.
const BLOCK: usize = 512;
const MORE_BLOCKS: usize = 8;

const STRUCTURE: &str = "compressed cluster";

/// Where a compressed cluster stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compressed {
    /// First byte on the device.
    pub offset: u64,
    /// Bytes to the end of its last sector, or of the device: up to two clusters, and more than the compressed
    /// data.
    pub length: u64,
}

impl Compressed {
    /// Reads the descriptor in the L2 entry that stands at byte `place` of a device of `device_size` bytes.
    pub fn parse(entry: u64, cluster_bits: u32, device_size: u64, place: u64) -> Result<Self, ReadError> {
        // The sectors have as many bits as the clusters more than 256 bytes, just below the flags.
        // Nothing saturates: `cluster_bits` is 9 to 21, so that there are at most 2^13 sectors and 61 bits of offset.
        let shift = 70u32.saturating_sub(cluster_bits);
        let sectors = (entry & !FLAGS).checked_shr(shift).unwrap_or(0);
        let offset = entry & 1u64.checked_shl(shift).unwrap_or(0).saturating_sub(1);
        if offset >= device_size {
            return Err(corrupt(Fault::Truncated, STRUCTURE, place, offset));
        }
        // The first sector, from the offset on, and `sectors` more. The file may end within the last.
        let length = sectors.saturating_add(1).saturating_mul(SECTOR).saturating_sub(offset % SECTOR);
        Ok(Self { offset, length: length.min(device_size.saturating_sub(offset)) })
    }
}

/// Fills `cluster` with what is compressed at `place`.
pub fn unpack(
    device: &impl BlockRead,
    place: Compressed,
    compression: Compression,
    cluster: &mut [u8],
) -> Result<(), ReadError> {
    let mut data = zeros(place.length, STRUCTURE)?;
    device.read_at(place.offset, &mut data)?;
    match compression {
        Compression::Zlib => inflate(&data, place.offset, cluster),
        Compression::Zstd => frames(&data, place.offset, cluster),
    }
}

/// As QEMU does, data that goes on when the cluster is full is left alone: only its sectors are known.
fn inflate(data: &[u8], offset: u64, cluster: &mut [u8]) -> Result<(), ReadError> {
    // Too large for the stack that firmware gives.
    let mut state = Box::<DecompressorOxide>::default();
    let (status, _, written) =
        decompress(&mut state, data, cluster, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::Done | TINFLStatus::HasMoreOutput if written == cluster.len() => Ok(()),
        TINFLStatus::Done | TINFLStatus::FailedCannotMakeProgress => Err(corrupt(
            Fault::Truncated,
            STRUCTURE,
            offset,
            length(cluster.get(..written).unwrap_or_default()),
        )),
        _ => Err(corrupt(Fault::Data, STRUCTURE, offset, length(cluster.get(..written).unwrap_or_default()))),
    }
}

/// The content of all frames until the cluster is full; the last one must end there.
fn frames(data: &[u8], offset: u64, cluster: &mut [u8]) -> Result<(), ReadError> {
    let mut output = Output { cluster, written: 0, offset };
    let mut rest = data;
    for _ in 0..MOST_FRAMES {
        if output.rest().is_empty() {
            return Ok(());
        }
        if rest.is_empty() {
            return Err(output.corrupt(Fault::Truncated));
        }
        frame(&mut rest, &mut output)?;
    }
    if output.rest().is_empty() { Ok(()) } else { Err(output.corrupt(Fault::Data)) }
}

struct Output<'a> {
    cluster: &'a mut [u8],
    written: usize,
    /// Where the compressed data stands.
    offset: u64,
}

impl Output<'_> {
    fn rest(&mut self) -> &mut [u8] {
        self.cluster.get_mut(self.written..).unwrap_or_default()
    }

    /// An error, with the bytes that were unpacked until then.
    fn corrupt(&self, fault: Fault) -> ReadError {
        corrupt(fault, STRUCTURE, self.offset, u64::try_from(self.written).unwrap_or(u64::MAX))
    }

    /// Takes what the decoder has finished.
    fn collect(&mut self, decoder: &mut FrameDecoder) -> Result<(), ReadError> {
        while decoder.can_collect() > 0 {
            let read = decoder.read(self.rest()).unwrap_or(0);
            if read == 0 {
                return Err(self.corrupt(Fault::Inconsistent));
            }
            // Cannot saturate: it is at most what the cluster has.
            self.written = self.written.saturating_add(read);
        }
        Ok(())
    }
}

/// Unpacks the frame at the start of `rest`, and moves `rest` behind it.
fn frame(rest: &mut &[u8], output: &mut Output<'_>) -> Result<(), ReadError> {
    // One for each frame: a decoder that is used again takes memory for the whole window at once.
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW_LIMIT);
    match decoder.init(&mut *rest) {
        Ok(()) => {}
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let behind = usize::try_from(length).ok().and_then(|length| rest.get(length..));
            *rest = behind.ok_or_else(|| output.corrupt(Fault::Truncated))?;
            return Ok(());
        }
        Err(_) => return Err(output.corrupt(Fault::Data)),
    }
    let start = output.written;
    let declared = decoder.content_size();
    // Cannot saturate: a cluster has at most 2 MiB.
    let most = (output.cluster.len() / BLOCK).saturating_add(MORE_BLOCKS);
    let mut finished = false;
    for _ in 0..most {
        finished = decoder
            .decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| output.corrupt(Fault::Data))?;
        output.collect(&mut decoder)?;
        if finished {
            break;
        }
    }
    if !finished {
        return Err(output.corrupt(Fault::Data));
    }
    // The decoder yields zero for a frame that does not say it.
    // Cannot saturate: `written` only grows.
    let produced = u64::try_from(output.written.saturating_sub(start)).unwrap_or(u64::MAX);
    if declared != 0 && declared != produced {
        return Err(output.corrupt(Fault::Inconsistent));
    }
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(stored), Some(computed)) if stored != computed => {
            let fault = Fault::Checksum { computed: computed.into() };
            Err(corrupt(fault, STRUCTURE, output.offset, stored))
        }
        _ => Ok(()),
    }
}
