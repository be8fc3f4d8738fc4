// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a script, or an error.

use entries::fuzz::{fuzz_bls, fuzz_extlinux, fuzz_grub};
use proptest::prelude::*;

/// Every construct once, so that a changed byte meets each of them.
const SCRIPT: &str = "function f {\n  set a=\"$1 ${b}\"; return 1\n}\nif [ -s $prefix/grubenv -o ! ( x = y ) ]; then\n\
  load_env\nelif test -n \"$a\"; then f 'x y' z\nelse eval \"r=1; f $r\"; fi\nfor i in a b $@; do\n  continue; done\n\
  while [ \"$n\" != xxx ]; do n=x$n; done\nset default='1>a'\nsubmenu 's' --id=s {\n  menuentry \"t\" --class c $o 'id' {\n\
  search --set=root --file /k\n    linux (hd0,gpt1)/k a=\\\"b ro # end\n    initrd /a /b\n  }\n}\nsource /x; configfile /y\n\
  set btrfs_relative_path=y; btrfs-mount-subvol ($root) /a @/b; load_env -f (hd0,gpt1)512+1\n";

proptest! {
    #[test]
    fn any_bytes_are_a_script(data: Vec<u8>) {
        fuzz_grub(&data);
    }

    #[test]
    fn any_bytes_are_other_configurations(data: Vec<u8>, text in "(label|append|initrd|options|linux|include|menu|[ \\n$a{}+0-9./-]){0,60}") {
        fuzz_bls(&data);
        fuzz_bls(text.as_bytes());
        fuzz_extlinux(&data);
        fuzz_extlinux(text.as_bytes());
    }

    #[test]
    fn any_words_of_the_language_are_a_script(
        words in proptest::collection::vec(
            prop::sample::select(SCRIPT.split_inclusive([' ', '\n', ';', '{']).collect::<Vec<_>>()), 0..80),
    ) {
        fuzz_grub(words.concat().as_bytes());
    }

    #[test]
    fn any_change_leaves_a_script(changes in proptest::collection::vec((0..SCRIPT.len(), any::<u8>()), 1..8), cut in 0..SCRIPT.len()) {
        let mut bytes = SCRIPT.as_bytes().to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.rotate_left(cut);
        fuzz_grub(&bytes);
    }
}
