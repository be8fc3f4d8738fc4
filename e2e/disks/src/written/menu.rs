// SPDX-License-Identifier: BSD-3-Clause
//! Configuration of boot loader and system for kernel and root, as the distributions' tools write it.

use arch::Arch;

use super::{
    Options, Profile, ostree,
    shape::{BOOT_UUID, Shape},
    system::System,
};
use crate::{
    grub_cfg::{Extras, grub_cfg},
    layout::ROOT_UUID,
    root::kernel_prefix,
};

/// Machine id in names of entries.
const MACHINE: &str = "0123456789abcdef0123456789abcdef";
/// The version of the rescue entry.
const RESCUE: &str = "0-rescue-0123456789abcdef0123456789abcdef";
/// Bytes of GRUB's environment block, and its padding.
const BLOCK: usize = 1024;
const FILLER: &str = "#";

/// A text file.
#[derive(Debug)]
pub struct File {
    /// Relative to the root, or to the ESP.
    pub path: String,
    pub content: String,
}

impl File {
    pub fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into() }
    }
}

/// Links in /boot and their targets: Red Hat's rescue entry has its own kernel.
pub fn links(options: &Options, system: &System) -> Vec<[String; 2]> {
    if !matches!(options.shape, Shape::Rhel | Shape::Fedora) {
        return Vec::new();
    }
    let kernel = kernel_prefix(options.arch);
    [kernel, "initrd.img"]
        .map(|name| [format!("boot/{name}-{RESCUE}"), format!("boot/{name}-{}", system.version)])
        .to_vec()
}

/// The files on the root and on /boot, with `word` in the command line.
pub fn on_root(options: &Options, system: &System, word: &str) -> Vec<File> {
    let Options { arch, shape, profile, .. } = options;
    let command_line = CommandLine { arch: *arch, shape: *shape, profile: *profile, word };
    let system_root = match shape {
        Shape::Ostree => format!("{}/", ostree::deployment(word)),
        _ => String::new(),
    };
    let mut files = vec![
        File::new(format!("{system_root}etc/fstab"), fstab(*shape)),
        File::new(format!("{system_root}etc/marker"), format!("mini: a file on the root, {word}\n")),
    ];
    match shape {
        Shape::Rhel | Shape::Fedora => bls(&command_line, system, &mut files),
        Shape::Suse => files.push(File::new("boot/grub2/grub.cfg", suse(&command_line, system))),
        Shape::At | Shape::Plain => {
            files.push(File::new("boot/grub/grub.cfg", debian(&command_line, system)));
        }
        Shape::Ostree => {
            let (kernel, root) = (kernel_prefix(*arch), command_line.root());
            files.extend(ostree::files(kernel, &system.version, &root, word));
        }
    }
    files
}

/// The files on the ESP, which a distribution's GRUB reads first.
pub fn on_esp(shape: Shape) -> Vec<File> {
    let (folder, text) = match shape {
        Shape::Rhel => ("redhat", OF_BLS),
        Shape::Fedora => ("fedora", OF_BLS),
        Shape::Suse => ("opensuse", OF_SUSE),
        Shape::At => ("ubuntu", OF_UBUNTU),
        Shape::Plain => ("debian", OF_DEBIAN),
        Shape::Ostree => return ostree::on_esp(),
    };
    let text = text.replace("@BOOT@", BOOT_UUID).replace("@ROOT@", ROOT_UUID);
    vec![File::new(format!("EFI/{folder}/grub.cfg"), text)]
}

const OF_BLS: &str = "search --no-floppy --root-dev-only --fs-uuid --set=dev @BOOT@
set prefix=($dev)/grub2
export $prefix
configfile $prefix/grub.cfg
";
const OF_SUSE: &str = "set btrfs_relative_path=\"yes\"
search --fs-uuid --set=root @ROOT@
set prefix=(${root})/boot/grub2
source \"${prefix}/grub.cfg\"
";
const OF_UBUNTU: &str = "search.fs_uuid @ROOT@ root
set prefix=($root)'/@/boot/grub'
configfile $prefix/grub.cfg
";
const OF_DEBIAN: &str = "search.fs_uuid @ROOT@ root
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
";

/// The kernel's command line.
struct CommandLine<'a> {
    arch: Arch,
    shape: Shape,
    profile: Profile,
    word: &'a str,
}

impl CommandLine<'_> {
    fn root(&self) -> String {
        format!("{} console={},115200", self.shape.root_options(self.profile), self.arch.console())
    }
}

fn fstab(shape: Shape) -> String {
    let mut text = String::new();
    let mut line = |uuid: &str, place: &str, kind: &str, options: &str| {
        text.push_str(&format!("UUID={uuid} {place} {kind} {options} 0 0\n"));
    };
    match shape {
        Shape::Rhel => {
            line(ROOT_UUID, "/", "xfs", "defaults");
            line(BOOT_UUID, "/boot", "xfs", "defaults");
        }
        Shape::Ostree => {
            line(ROOT_UUID, "/", "xfs", "defaults");
            line(BOOT_UUID, "/boot", "ext4", "defaults");
        }
        Shape::Fedora => {
            line(ROOT_UUID, "/", "btrfs", "subvol=root,compress=zstd:1");
            line(BOOT_UUID, "/boot", "ext4", "defaults");
            line(ROOT_UUID, "/home", "btrfs", "subvol=home,compress=zstd:1");
        }
        Shape::Suse => {
            line(ROOT_UUID, "/", "btrfs", "defaults");
            for name in [".snapshots", "boot/grub2/x86_64-efi", "home", "root", "usr/local", "var"] {
                line(ROOT_UUID, &format!("/{name}"), "btrfs", &format!("subvol=/@/{name}"));
            }
        }
        Shape::At => {
            line(ROOT_UUID, "/", "btrfs", "defaults,subvol=@");
            line(ROOT_UUID, "/home", "btrfs", "defaults,subvol=@home");
        }
        Shape::Plain => line(ROOT_UUID, "/", "xfs", "defaults"),
    }
    line("0E1F-0001", "/boot/efi", "vfat", "defaults,nofail");
    text
}

/// Entries of the Boot Loader Specification as kernel-install makes them for Red Hat's distributions, with a rescue
/// entry, grub.cfg and grubenv.
fn bls(command_line: &CommandLine<'_>, system: &System, files: &mut Vec<File>) {
    let CommandLine { arch, shape, word, .. } = command_line;
    let (root, version) = (command_line.root(), &system.version);
    let (options, kernelopts) = match shape {
        Shape::Rhel => (format!("$kernelopts {word} $tuned_params"), format!("kernelopts={root} \n")),
        _ => (format!("{root} {word}"), String::new()),
    };
    let entry = |name: &str, version: &str, options: &str| {
        let text = format!(
            "title {} ({version})\nversion {version}\nlinux /{}-{version}\n\
             initrd /initrd.img-{version} $tuned_initrd\noptions {options}\ngrub_users $grub_users\n\
             grub_arg --unrestricted\ngrub_class kernel\n",
            system.title,
            kernel_prefix(*arch),
        );
        File::new(format!("boot/loader/entries/{MACHINE}-{name}.conf"), text)
    };
    files.push(entry(version, version, &options));
    files.push(entry("0-rescue", RESCUE, &format!("{root} e2e=rescue")));
    let environment = format!(
        "# GRUB Environment Block\n# WARNING: Do not edit this file by tools other than grub-editenv!!!\n\
         saved_entry={MACHINE}-{version}\n{kernelopts}boot_success=0\n"
    );
    let filler = FILLER.repeat(BLOCK.saturating_sub(environment.len()));
    files.push(File::new("boot/grub2/grubenv", format!("{environment}{filler}")));
    files.push(File::new(
        "boot/grub2/grub.cfg",
        RED_HAT.replace("@BOOT@", BOOT_UUID).replace("@ROOT@", &root),
    ));
}

/// The essence of what grub2-mkconfig writes for Red Hat's distributions.
const RED_HAT: &str = r#"#
# DO NOT EDIT THIS FILE
#
### BEGIN /etc/grub.d/00_header ###
set pager=1

if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

terminal_output console
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=0
else
  set timeout=0
fi
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/00_tuned ###
set tuned_params=""
set tuned_initrd=""
### END /etc/grub.d/00_tuned ###

### BEGIN /etc/grub.d/10_linux ###
insmod part_gpt
insmod xfs
insmod ext2
search --no-floppy --fs-uuid --set=root @BOOT@
insmod part_gpt
search --no-floppy --fs-uuid --set=boot @BOOT@

# This section was generated by a script. Do not modify the generated file - all changes
# will be lost the next time file is regenerated.
if [ -z "${kernelopts}" ]; then
  set kernelopts="@ROOT@ e2e=fallback"
fi

insmod blscfg
blscfg
### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/30_uefi-firmware ###
if [ "$grub_platform" = "efi" ]; then
	fwsetup --is-supported
	if [ "$?" = 0 ]; then
		menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
			fwsetup
		}
	fi
fi
### END /etc/grub.d/30_uefi-firmware ###
"#;

/// The essence of what grub2-mkconfig writes for openSUSE, with snapshots.
const SUSE: &str = r#"#
# DO NOT EDIT THIS FILE
#
### BEGIN /etc/grub.d/00_header ###
set btrfs_relative_path="y"
export btrfs_relative_path
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi

if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

insmod part_gpt
insmod btrfs
search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2  @ROOT@
set theme=($root)/boot/grub2/themes/openSUSE/theme.txt
export theme
if [ x${boot_once} = xtrue ]; then
  set timeout=0
elif [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=0
else
  set timeout=0
fi
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/10_linux ###
menuentry '@TITLE@'  --class opensuse --class gnu-linux --class os $menuentry_id_option 'gnulinux-simple-@ROOT@' {
	set gfxpayload=keep
	insmod gzio
	insmod part_gpt
	insmod btrfs
	search --no-floppy --fs-uuid --set=root @ROOT@
	echo	'Loading Linux @VERSION@ ...'
	linux	/boot/@KERNEL@-@VERSION@ @OPTIONS@  ${extra_cmdline} mitigations=auto
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-@VERSION@
}
### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/80_suse_btrfs_snapshot ###
if [ -f  "/.snapshots/grub-snapshot.cfg" ]; then
  source "/.snapshots/grub-snapshot.cfg"
fi
### END /etc/grub.d/80_suse_btrfs_snapshot ###
"#;

fn suse(command_line: &CommandLine<'_>, system: &System) -> String {
    SUSE.replace("@OPTIONS@", &format!("{} {}", command_line.root(), command_line.word))
        .replace("@ROOT@", ROOT_UUID)
        .replace("@TITLE@", system.title)
        .replace("@KERNEL@", kernel_prefix(command_line.arch))
        .replace("@VERSION@", &system.version)
}

/// As Debian's and Ubuntu's update-grub writes it: grub-mkrelpath puts the subvolume in front of paths.
fn debian(command_line: &CommandLine<'_>, system: &System) -> String {
    let (module, boot) = match command_line.shape {
        Shape::At => ("btrfs", "/@/boot/"),
        _ => ("xfs", "/boot/"),
    };
    let plain = format!("root=UUID={ROOT_UUID} ro");
    let root = command_line.shape.root_options(command_line.profile);
    grub_cfg(command_line.arch, &system.version, Extras::default())
        .replace("mini=", "e2e=")
        .replace("e2e=default", command_line.word)
        .replace(&plain, &root)
        .replace("insmod ext2", &format!("insmod {module}"))
        .replace("/boot/", boot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system() -> System {
        System { title: "Mini", version: "6.12".into(), archive: "/x".into(), size: 1 }
    }

    fn command_line(shape: Shape, profile: Profile) -> CommandLine<'static> {
        CommandLine { arch: Arch::X86_64, shape, profile, word: "e2e=now" }
    }

    #[test]
    fn entries_take_their_options_where_the_distribution_has_them() {
        let texts = |shape| {
            let mut files = Vec::new();
            bls(&command_line(shape, Profile::Dup), &system(), &mut files);
            files.into_iter().map(|file| file.content).collect::<Vec<_>>()
        };
        let rhel = texts(Shape::Rhel);
        assert!(rhel[0].contains("linux /vmlinuz-6.12\ninitrd /initrd.img-6.12 $tuned_initrd\n"), "{rhel:?}");
        assert!(rhel[0].contains("options $kernelopts e2e=now $tuned_params\n"), "{rhel:?}");
        assert!(rhel[2].len() == BLOCK && rhel[2].contains("\nkernelopts=root=UUID=1111"), "{rhel:?}");
        let fedora = texts(Shape::Fedora);
        assert!(fedora[0].contains(" ro rootflags=subvol=root console=ttyS0,115200 e2e=now\n"), "{fedora:?}");
        assert!(!fedora[2].contains("kernelopts"), "{fedora:?}");
    }

    #[test]
    fn paths_have_the_subvolume_in_front_where_grub_wants_it() {
        let at = debian(&command_line(Shape::At, Profile::Raid1), &system());
        let line = "\tlinux\t/@/boot/vmlinuz-6.12 root=UUID=11111111-2222-4333-8444-00000000000a ro \
                    rootflags=subvol=@,degraded console=ttyS0,115200 e2e=now\n";
        assert!(at.contains(line) && !at.contains(" /boot/") && !at.contains("ext2"), "{at}");
        let suse = suse(&command_line(Shape::Suse, Profile::Dup), &system());
        let line = "\tlinux\t/boot/vmlinuz-6.12 root=UUID=11111111-2222-4333-8444-00000000000a ro \
                    console=ttyS0,115200 e2e=now  ${extra_cmdline} mitigations=auto\n";
        // The subvolume's own name is none of a menu's.
        assert!(suse.contains(line) && !suse.contains('@'), "{suse}");
    }
}
