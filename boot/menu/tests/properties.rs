// SPDX-License-Identifier: BSD-3-Clause
//! Properties that hold for any keys.

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_keys_leave_a_sound_screen(data: Vec<u8>) {
        menu::fuzz::fuzz(&data);
    }

    #[test]
    fn any_text_leaves_a_sound_screen(text in ".{0,400}") {
        menu::fuzz::fuzz(text.as_bytes());
    }
}
