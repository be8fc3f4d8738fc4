// SPDX-License-Identifier: BSD-3-Clause
//! Damaged configurations end in entries or problems, within limits of time, stack and memory. Text has no checksums:
//! what is damaged is read as it stands.

use std::rc::Rc;

use block::BlockRead;
use entries::{Arch, Found, discover};
use oracle::{
    Tree,
    campaign::{self, Depth, Plan},
};
use vfs::{Volume, Volumes};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

/// Every construct that update-grub writes, shortened.
const GRUB: &str = "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n\
if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n   save_env next_entry\nelse\n\
   set default=\"0\"\nfi\nif [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n\
  menuentry_id_option=\"\"\nfi\nexport menuentry_id_option\nfunction savedefault {\n  if [ -z \"${boot_once}\" ]; then\n\
    saved_entry=\"${chosen}\"\n    save_env saved_entry\n  fi\n}\nfunction load_video {\n\
  if [ x$feature_all_video_module = xy ]; then\n    insmod all_video\n  else\n    insmod efi_gop\n  fi\n}\n\
if [ x$feature_timeout_style = xy ] ; then\n  set timeout_style=menu\n  set timeout=5\nfi\n\
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-u' {\n\tload_video\n\tinsmod gzio\n\
\tsearch --no-floppy --fs-uuid --set=root u\n\techo\t'Loading Linux 6.12 ...'\n\
\tlinux\t/boot/vmlinuz-6.12 root=UUID=u ro quiet\n\tinitrd\t/boot/initrd.img-6.12\n}\n\
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-u' {\n\
\tmenuentry 'Debian, with Linux 6.12' {\n\t\tlinux\t/boot/vmlinuz-6.12 root=UUID=u ro single\n\t}\n}\n\
fwsetup --is-supported\nif [ \"$?\" = 0 ]; then\n\tmenuentry 'UEFI Firmware Settings' { fwsetup\n}\nfi\n";

const BLS: &str = "# Boot Loader Specification type#1 entry\ntitle      Debian GNU/Linux 13 (trixie)\n\
version    6.12.117\nmachine-id 0123456789abcdef0123456789abcdef\nsort-key   debian\n\
options    root=UUID=u ro $kernelopts ${tuned_params}\nlinux      /boot/vmlinuz-6.12\ninitrd     /boot/initrd.img-6.12\n\
initrd     $tuned_initrd\ndevicetree /d.dtb\narchitecture x64\n";

const EXTLINUX: &str = "default l0\nmenu title U-Boot menu\nprompt 0\ntimeout 50\n\nlabel l0\n\
\tmenu label Debian GNU/Linux 13 (trixie) 6.12\n\tmenu default\n\tlinux /boot/vmlinuz-6.12\n\
\tinitrd /boot/initrd.img-6.12,/boot/more.img\n\tfdtdir /usr/lib/linux-image-6.12/\n\
\tappend root=UUID=u ro quiet initrd=/x\ninclude more.cfg\nlabel l1\n\tkernel k\n";

/// Layers passed: there is an entry; its kernel is the one that the sound file names.
fn layers(path: &str, device: &dyn BlockRead) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    let tree = Tree::new()
        .uuid("u")
        .file("/boot/grub/grubenv", "# GRUB Environment Block\nkernelopts=quiet\n")
        .file(path, bytes);
    let volumes = Volumes::from_volumes(vec![Volume::new("hd0,gpt1", tree)]);
    let Found { entries, .. } = discover(&volumes, Arch::X86_64, &|_, _| false);
    let is_whole = entries
        .first()
        .is_some_and(|entry| entry.file().is_some_and(|file| file.path == b"/boot/vmlinuz-6.12"));
    usize::from(!entries.is_empty()) + usize::from(is_whole)
}

fn run(name: &str, image: &str, read: fn(Rc<dyn BlockRead>, Depth) -> usize, seed: u64) {
    let layers = &["an entry", "its kernel"];
    let repair = |_: &mut [u8], _| {};
    let _ =
        campaign::run(Plan { name, image: image.as_bytes(), layers, read, repair, mutants: MUTANTS, seed });
}

#[test]
fn grub() {
    run("grub", GRUB, |device, _| layers("/boot/grub/grub.cfg", &*device), 1);
}

#[test]
fn bls() {
    run("bls", BLS, |device, _| layers("/loader/entries/a.conf", &*device), 2);
}

#[test]
fn extlinux() {
    run("extlinux", EXTLINUX, |device, _| layers("/boot/extlinux/extlinux.conf", &*device), 3);
}
