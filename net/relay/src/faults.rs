// SPDX-License-Identifier: BSD-3-Clause
//! Faults: what the relay does to frames.

use std::time::Duration;

use crate::flow::Flow;

/// The direction of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the first end, the guest.
    ToGuest,
    /// To the second end, the network.
    ToNetwork,
}

/// What a relay does to frames. The default does nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// How long each frame takes, in each affected direction.
    pub delay: Duration,
    /// How many frames of a thousand are lost.
    pub loss: u16,
    /// How many frames of a thousand take longer by [`late_by`](Self::late_by), so that later ones overtake them.
    pub late: u16,
    /// How much longer late frames take.
    pub late_by: Duration,
    /// A cut, after this many bytes of frames in the affected directions.
    pub cut: Option<(u64, Cut)>,
    /// The affected direction; `None` means both. A cut counts bytes in it, and cuts both.
    pub only: Option<Direction>,
    /// The VLAN whose tags only the guest's side has, as at a switch port. Untagged frames from the guest are lost.
    pub vlan: Option<u16>,
    /// Selects the frames: the same seed with the same frames in the same order gives the same verdicts.
    pub seed: u64,
}

/// How the line is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// The relay ends and closes both ends, as if the cable was pulled.
    End,
    /// This many frames are lost, of both directions together.
    Silence(u64),
    /// The TCP connection of the frame at the cut is dead from then on, as behind a router that was
    /// restarted: its frames are lost in both directions; frames of other connections are not.
    Connection,
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It arrives this much later.
    Arrives(Duration),
    /// It is lost.
    Lost,
    /// It is lost, and so is everything after it.
    End,
}

impl Verdict {
    /// Whether the frame is lost.
    pub fn is_lost(self) -> bool {
        self == Self::Lost
    }
}

/// Decides what happens to each frame, in order.
#[derive(Debug)]
pub struct Judge {
    faults: Faults,
    /// One generator for each direction, so that frames of one direction do not change the verdicts of the other.
    random: [Random; 2],
    /// Bytes until the cut.
    left: u64,
    cut: State,
}

#[derive(Debug)]
enum State {
    Ahead,
    Silent(u64),
    Dead(Flow),
    Ended,
    Over,
}

impl Judge {
    /// A judge that has seen no frame.
    pub fn new(faults: Faults) -> Self {
        let random = [Random(faults.seed), Random(!faults.seed)];
        let (left, cut) = faults.cut.map_or((0, State::Over), |(bytes, _)| (bytes, State::Ahead));
        Self { faults, random, left, cut }
    }

    /// Whether the cut has happened.
    pub fn has_cut(&self) -> bool {
        self.faults.cut.is_some() && !matches!(self.cut, State::Ahead)
    }

    /// The VLAN of the guest's side.
    pub(crate) fn vlan(&self) -> Option<u16> {
        self.faults.vlan
    }

    /// The verdict on the next frame.
    pub fn judge(&mut self, to: Direction, frame: &[u8]) -> Verdict {
        if let Some(verdict) = self.is_cut(to, frame) {
            return verdict;
        }
        let Faults { delay, loss, late, late_by, .. } = self.faults;
        if !self.affects(to) {
            return Verdict::Arrives(Duration::ZERO);
        }
        let [guest, network] = &mut self.random;
        let random = if to == Direction::ToGuest { guest } else { network };
        // Both are drawn for each frame, so that a change of one share does not change the choices of the other.
        let (is_lost, is_late) = (random.is_one_of(loss), random.is_one_of(late));
        match (is_lost, is_late) {
            (true, _) => Verdict::Lost,
            // May saturate: a frame so late never arrives.
            (false, true) => Verdict::Arrives(delay.saturating_add(late_by)),
            (false, false) => Verdict::Arrives(delay),
        }
    }

    fn affects(&self, to: Direction) -> bool {
        self.faults.only.is_none_or(|only| only == to)
    }

    fn is_cut(&mut self, to: Direction, frame: &[u8]) -> Option<Verdict> {
        let (_, cut) = self.faults.cut?;
        if matches!(self.cut, State::Ahead) && self.affects(to) {
            // Saturates at the byte where the line is cut.
            self.left = self.left.saturating_sub(u64::try_from(frame.len()).unwrap_or(u64::MAX));
            if self.left == 0 {
                self.cut = match cut {
                    Cut::End => State::Ended,
                    Cut::Silence(frames) => State::Silent(frames),
                    // If this frame is not TCP, the next TCP frame selects the connection.
                    Cut::Connection => Flow::of(frame).map_or(State::Ahead, State::Dead),
                };
            }
        }
        match &mut self.cut {
            State::Silent(left) => match left.checked_sub(1) {
                Some(fewer) => {
                    *left = fewer;
                    Some(Verdict::Lost)
                }
                None => {
                    self.cut = State::Over;
                    None
                }
            },
            State::Dead(dead) => (Flow::of(frame).as_ref() == Some(dead)).then_some(Verdict::Lost),
            State::Ended => Some(Verdict::End),
            State::Ahead | State::Over => None,
        }
    }
}

/// Vigna's SplitMix64: every seed is as good as any other.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether this frame is in the share, in thousandths.
    fn is_one_of(&mut self, share: u16) -> bool {
        self.next() % 1000 < u64::from(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::tcp;

    const FRAME: [u8; 100] = [0; 100];

    fn fates(faults: Faults, to: Direction, count: usize) -> Vec<Verdict> {
        let mut judge = Judge::new(faults);
        (0..count).map(|_| judge.judge(to, &FRAME)).collect()
    }

    fn lost(verdicts: &[Verdict]) -> Vec<usize> {
        verdicts.iter().enumerate().filter(|(_, verdict)| verdict.is_lost()).map(|(at, _)| at).collect()
    }

    #[test]
    fn the_same_seed_loses_the_same_frames() {
        let faults = Faults { loss: 20, seed: 1, ..Faults::default() };
        let found = lost(&fates(faults, Direction::ToGuest, 300));
        assert_eq!(found, [9, 129, 151, 160, 252]);
        assert_eq!(found, lost(&fates(faults, Direction::ToGuest, 300)));
        assert_ne!(found, lost(&fates(Faults { seed: 2, ..faults }, Direction::ToGuest, 300)));
        assert_ne!(found, lost(&fates(faults, Direction::ToNetwork, 300)));
        let late = Faults { late: 100, late_by: Duration::from_millis(3), ..faults };
        assert_eq!(found, lost(&fates(late, Direction::ToGuest, 300)), "delays do not change what is lost");
    }

    #[test]
    fn one_direction_does_not_change_the_others_fate() {
        let faults = Faults { loss: 20, seed: 1, ..Faults::default() };
        let mut judge = Judge::new(faults);
        let mixed: Vec<_> = (0..300)
            .map(|number| {
                if number % 3 == 0 {
                    judge.judge(Direction::ToNetwork, &FRAME);
                }
                judge.judge(Direction::ToGuest, &FRAME)
            })
            .collect();
        assert_eq!(mixed, fates(faults, Direction::ToGuest, 300));
    }

    #[test]
    fn shares_are_of_a_thousand() {
        let faults = Faults { loss: 20, late: 250, late_by: Duration::from_millis(5), ..Faults::default() };
        let found = fates(faults, Direction::ToGuest, 100_000);
        assert!((1900..2100).contains(&lost(&found).len()), "{}", lost(&found).len());
        let late = found.iter().filter(|verdict| **verdict == Verdict::Arrives(faults.late_by)).count();
        assert!((24_000..25_000).contains(&late), "{late}");
        assert_eq!(lost(&fates(Faults { loss: 1000, ..faults }, Direction::ToGuest, 50)).len(), 50);
        let none = fates(Faults::default(), Direction::ToGuest, 50);
        assert!(none.iter().all(|verdict| *verdict == Verdict::Arrives(Duration::ZERO)));
    }

    #[test]
    fn only_the_chosen_direction_is_affected() {
        let delay = Duration::from_millis(50);
        let faults = Faults { delay, loss: 500, only: Some(Direction::ToGuest), ..Faults::default() };
        let free = fates(faults, Direction::ToNetwork, 50);
        assert!(free.iter().all(|verdict| *verdict == Verdict::Arrives(Duration::ZERO)));
        let found = fates(faults, Direction::ToGuest, 50);
        assert!(found.contains(&Verdict::Lost) && found.contains(&Verdict::Arrives(delay)));
    }

    #[test]
    fn a_silence_ends_after_its_frames() {
        let faults = Faults { cut: Some((250, Cut::Silence(4))), ..Faults::default() };
        assert_eq!(
            lost(&fates(faults, Direction::ToGuest, 10)),
            [2, 3, 4, 5],
            "from the frame that reaches it"
        );
        let mut judge = Judge::new(Faults { only: Some(Direction::ToGuest), ..faults });
        for _ in 0..9 {
            assert!(!judge.judge(Direction::ToNetwork, &FRAME).is_lost(), "its bytes do not count");
        }
        assert!(!judge.has_cut());
        let found = [0, 0, 0, 1, 1, 0, 0].map(|to| {
            let to = if to == 0 { Direction::ToGuest } else { Direction::ToNetwork };
            judge.judge(to, &FRAME).is_lost()
        });
        assert_eq!(found, [false, false, true, true, true, true, false], "both are silent");
        assert!(judge.has_cut());
    }

    #[test]
    fn the_end_is_the_end() {
        let faults = Faults { cut: Some((250, Cut::End)), ..Faults::default() };
        let found = fates(faults, Direction::ToGuest, 5);
        let arrives = Verdict::Arrives(Duration::ZERO);
        assert_eq!(found, [arrives, arrives, Verdict::End, Verdict::End, Verdict::End]);
    }

    #[test]
    fn a_dead_connection_is_dead_both_ways_and_others_live() {
        let mut judge = Judge::new(Faults { cut: Some((150, Cut::Connection)), ..Faults::default() });
        let mut is_lost = |to, frame: &[u8]| judge.judge(to, frame).is_lost();
        let (down, up) =
            (tcp([10, 0, 0, 1], 80, [10, 0, 0, 9], 5000), tcp([10, 0, 0, 9], 5000, [10, 0, 0, 1], 80));
        let other = tcp([10, 0, 0, 1], 80, [10, 0, 0, 9], 5001);
        assert!(!is_lost(Direction::ToGuest, &down));
        assert!(!is_lost(Direction::ToGuest, &FRAME), "of no connection");
        assert!(!is_lost(Direction::ToGuest, &[0; 60]), "nor is this one");
        assert!(is_lost(Direction::ToGuest, &down));
        assert!(is_lost(Direction::ToNetwork, &up));
        assert!(!is_lost(Direction::ToGuest, &other));
        assert!(!is_lost(Direction::ToGuest, &FRAME));
        assert!(is_lost(Direction::ToGuest, &down));
    }
}
