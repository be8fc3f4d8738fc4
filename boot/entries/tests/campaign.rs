// SPDX-License-Identifier: BSD-3-Clause
//! Damaged configurations end in entries or problems, within limits of time, stack and memory. Text has no checksums:
//! what is damaged is read as it stands.

use std::rc::Rc;

use block::BlockRead;
use entries::{Arch, Found, discover};
use filesystem::FileSystem;
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

/// What SUSE's GRUB has for subvolumes.
const SUBVOLUMES: &str = "set btrfs_relative_path=\"y\"\nexport btrfs_relative_path\n\
if [ -f ${config_directory}/grubenv ]; then\n  load_env -f ${config_directory}/grubenv\nfi\n\
menuentry 'openSUSE' --id 'simple' {\n\tlinux\t/boot/vmlinuz-6.12 root=UUID=u ${extra_cmdline}\n}\n\
btrfs-mount-subvol ($root) /.snapshots @/.snapshots\nbtrfs-get-default-subvol -p -o default_subvol ($root)\n\
if [ -f \"/.snapshots/7/snapshot/boot/vmlinuz-6.12\" ]; then\n  saved_subvol=$btrfs_subvol\n\
  menuentry \"Snapshot\" \"/.snapshots/7/snapshot\" \"/@/.snapshots/7/snapshot\" {\n    btrfs_subvol=\"$3\"\n\
    extra_cmdline=\"rootflags=subvol=$3\"\n    export extra_cmdline\n    linux \"/boot/vmlinuz-6.12\" ${extra_cmdline}\n\
    btrfs_subvol=$saved_subvol\n  }\n  set btrfs_subvolid=5\n  set btrfs_relative_path=\"n\"\nfi\n";

/// The whole content; none where it cannot be read.
fn content(device: &dyn BlockRead) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    device.read_at(0, &mut bytes).ok().map(|()| bytes)
}

/// Layers passed: there is an entry; its kernel is the one that the sound file names.
fn layers(path: &str, device: &dyn BlockRead) -> usize {
    let Some(bytes) = content(device) else { return 0 };
    let tree = Tree::new()
        .uuid("u")
        .file("/boot/grub/grubenv", "# GRUB Environment Block\nkernelopts=quiet\n")
        .file(path, bytes);
    passed(vec![Volume::new("hd0,gpt1", tree)])
}

/// The same of a script in the default subvolume.
fn layers_of_subvolumes(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let Some(bytes) = content(&*device) else { return 0 };
    let names = ["@/.snapshots/1/snapshot", "/", "@", "@/.snapshots", "@/.snapshots/7/snapshot"];
    let tree = Tree::new()
        .uuid("u")
        .file("/@/.snapshots/1/snapshot/boot/grub2/grub.cfg", bytes)
        .file("/@/.snapshots/1/snapshot/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=simple\n")
        .dir("/@/.snapshots/1/snapshot/.snapshots")
        .file("/@/.snapshots/7/snapshot/boot/vmlinuz-6.12", "k");
    let node = |name: &str| {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(tree.root(), |dir, part| tree.lookup(&dir, part.as_bytes()).unwrap())
    };
    let roots = names.iter().map(|name| (name.to_string(), node(name))).collect();
    passed(Volume::of_roots("hd0", tree.clone(), roots))
}

fn passed(volumes: Vec<Volume>) -> usize {
    let Found { entries, .. } = discover(&Volumes::from_volumes(volumes), Arch::X86_64, &|_, _| false);
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
fn subvolumes() {
    run("subvolumes", SUBVOLUMES, layers_of_subvolumes, 4);
}

#[test]
fn bls() {
    run("bls", BLS, |device, _| layers("/loader/entries/a.conf", &*device), 2);
}

#[test]
fn extlinux() {
    run("extlinux", EXTLINUX, |device, _| layers("/boot/extlinux/extlinux.conf", &*device), 3);
}
