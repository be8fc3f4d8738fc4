// SPDX-License-Identifier: BSD-3-Clause
//! The files that ostree and bootupd write for two deployments of one system, as on Fedora CoreOS.

use super::{EARLIER, menu::File, shape::BOOT_UUID};

/// Checksum of kernel and initrd, which both deployments share.
pub const CHECKSUM: &str = "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";
/// The deployments by index: newest first, as in ostree.
const NUMBERS: u32 = 2;

/// The number of the deployment whose command line has `word`: the newest has the highest.
fn number(word: &str) -> u32 {
    if word == EARLIER { NUMBERS.saturating_sub(1) } else { NUMBERS }
}

/// The folder of that deployment, relative to the root.
pub fn deployment(word: &str) -> String {
    format!("ostree/deploy/mini/deploy/{:064}.0", number(word))
}

/// The deployment's entry and os-release; GRUB's configuration, which is the same for all of them.
pub fn files(kernel: &str, version: &str, root: &str, word: &str) -> Vec<File> {
    let number = number(word);
    let index = NUMBERS.saturating_sub(number);
    let entry = format!(
        "title Mini {number} (ostree:{index})\nversion {number}\n\
         options {root} {word} ostree=/ostree/boot.1/mini/{CHECKSUM}/{index}\n\
         linux /boot/ostree/mini-{CHECKSUM}/{kernel}-{version}\n\
         initrd /boot/ostree/mini-{CHECKSUM}/initramfs-{version}.img\n"
    );
    let release = format!("ID=mini\nPRETTY_NAME=\"Mini {number}\"\nVERSION_ID={number}\n");
    vec![
        File::new(format!("boot/loader.1/entries/ostree-{number}.conf"), entry),
        File::new(format!("{}/usr/lib/os-release", deployment(word)), release),
        File::new("boot/grub2/grub.cfg", MENU),
    ]
}

/// The files beside bootupd's GRUB.
pub fn on_esp() -> Vec<File> {
    let identity = format!("set BOOT_UUID=\"{BOOT_UUID}\"\n");
    vec![File::new("EFI/fedora/grub.cfg", STUB), File::new("EFI/fedora/bootuuid.cfg", identity)]
}

/// The essence of bootupd's stub: `--no-floppy` follows the variable's name of `search --set`.
const STUB: &str = r#"if [ -e (md/md-boot) ]; then
  set prefix=md/md-boot
else
  if [ -f ${config_directory}/bootuuid.cfg ]; then
    source ${config_directory}/bootuuid.cfg
  fi
  if [ -n "${BOOT_UUID}" ]; then
    search --fs-uuid "${BOOT_UUID}" --set prefix --no-floppy
  else
    search --label boot --set prefix --no-floppy
  fi
fi
if [ -d ($prefix)/grub2 ]; then
  set prefix=($prefix)/grub2
  configfile $prefix/grub.cfg
else
  set prefix=($prefix)/boot/grub2
  configfile $prefix/grub.cfg
fi
boot
"#;

/// The essence of bootupd's menu, which leaves the entries to `blscfg`.
const MENU: &str = r#"set pager=1
if [ -f $prefix/grubenv ]; then
  load_env -f $prefix/grubenv
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
fi
insmod all_video
terminal_input console
terminal_output console
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=0
fi
insmod blscfg
blscfg
if [ -f $prefix/user.cfg ]; then
  source $prefix/user.cfg
fi
"#;

#[cfg(test)]
mod tests {
    use super::{super::NOW, *};

    #[test]
    fn the_newest_deployment_has_the_first_link_and_the_highest_number() {
        let texts = |word| files("vmlinuz", "6.12", "root=UUID=1 ro", word).remove(0);
        let (now, earlier) = (texts(NOW), texts(EARLIER));
        assert!(now.path.ends_with("/ostree-2.conf") && now.content.contains(&format!("{CHECKSUM}/0\n")));
        assert!(
            earlier.path.ends_with("/ostree-1.conf") && earlier.content.contains(&format!("{CHECKSUM}/1\n"))
        );
        assert!(deployment(NOW) > deployment(EARLIER));
    }
}
