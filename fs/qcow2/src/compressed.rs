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
/// The flag bits of an entry.
const FLAGS: u64 = 3 << 62;
/// Maximum window size of a frame in bytes, for which the decoder allocates memory: what RFC 8878 recommends every
/// decoder to support. A cluster, and so any useful window, has at most 2 MiB.
const WINDOW_LIMIT: u64 = 8 << 20;
/// Maximum number of frames: QEMU writes one but reads several, and each needs a new decoder.
const MOST_FRAMES: usize = 16;

/// Limit for the number of blocks: one for each `BLOCK` bytes of content (encoders make larger blocks), plus
/// `MORE_BLOCKS`. Without it, tiny blocks that expand to 128 KiB each could keep the decoder busy for long, since it
/// buffers a whole window before it returns content.
const BLOCK: usize = 512;
const MORE_BLOCKS: usize = 8;

const STRUCTURE: &str = "compressed cluster";

/// The location of a compressed cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compressed {
    /// First byte on the device.
    pub offset: u64,
    /// Bytes to the end of its last sector or of the device: up to two clusters, usually more than the compressed data.
    pub length: u64,
}

impl Compressed {
    /// Parses the descriptor in the L2 entry at byte `place` of a device of `device_size` bytes.
    pub fn parse(entry: u64, cluster_bits: u32, device_size: u64, place: u64) -> Result<Self, ReadError> {
        // The number of sectors is stored just below the flags, in `cluster_bits` - 8 bits.
        // Nothing saturates: `cluster_bits` is 9 to 21, so that there are at most 2^13 sectors and 61 bits of offset.
        let shift = 70u32.saturating_sub(cluster_bits);
        let sectors = (entry & !FLAGS).checked_shr(shift).unwrap_or(0);
        let offset = entry & 1u64.checked_shl(shift).unwrap_or(0).saturating_sub(1);
        if offset >= device_size {
            return Err(corrupt(Fault::Truncated, STRUCTURE, place, offset));
        }
        // The first sector, from the offset on, and `sectors` more. The file may end within the last one.
        let length = sectors.saturating_add(1).saturating_mul(SECTOR).saturating_sub(offset % SECTOR);
        Ok(Self { offset, length: length.min(device_size.saturating_sub(offset)) })
    }
}

/// Fills `cluster` by unpacking the data at `place`.
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

/// As in QEMU, data left over when the cluster is full is ignored: only the number of sectors is known.
fn inflate(data: &[u8], offset: u64, cluster: &mut [u8]) -> Result<(), ReadError> {
    // On the heap: it is too large for the firmware's stack.
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

/// Unpacks frames until the cluster is full; the last one must end there.
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
    /// Byte offset of the compressed data.
    offset: u64,
}

impl Output<'_> {
    fn rest(&mut self) -> &mut [u8] {
        self.cluster.get_mut(self.written..).unwrap_or_default()
    }

    /// An error, with the number of bytes unpacked so far.
    fn corrupt(&self, fault: Fault) -> ReadError {
        corrupt(fault, STRUCTURE, self.offset, u64::try_from(self.written).unwrap_or(u64::MAX))
    }

    /// Takes the finished output of the decoder.
    fn collect(&mut self, decoder: &mut FrameDecoder) -> Result<(), ReadError> {
        while decoder.can_collect() > 0 {
            let read = decoder.read(self.rest()).unwrap_or(0);
            if read == 0 {
                return Err(self.corrupt(Fault::Inconsistent));
            }
            // Cannot saturate: at most the size of the cluster.
            self.written = self.written.saturating_add(read);
        }
        Ok(())
    }
}

/// Unpacks the frame at the start of `rest`, and moves `rest` past it.
fn frame(rest: &mut &[u8], output: &mut Output<'_>) -> Result<(), ReadError> {
    // A new one for each frame: a reused decoder allocates the whole window at once.
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
    // The decoder returns zero for a frame without a content size.
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
