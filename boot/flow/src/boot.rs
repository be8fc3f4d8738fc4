// SPDX-License-Identifier: BSD-3-Clause
//! The boot, from finding disks to handing over.

use alloc::string::String;
use core::convert::Infallible;

use config::Config;
use entries::Entry;

use crate::{
    Ended, Failure, Payload, Phase, Place, Platform, Verified,
    ask::{Choice, Offer, ask},
    command_line,
    discover::{Discovered, Search},
    interface::{self, Log, Once, Wanted},
    menu_items,
    next::{Next, Situation},
    obtain::{Reader, obtain},
    queue::{Attempt, Queue},
    report::Report,
    verify::{Permit, verify},
};

/// Boots the first entry that can be booted, or the one that the operator chooses. Returns only if none can, with what
/// the program has to do then; the console has told why.
pub fn boot(platform: &Platform<'_>, config: &Config) -> Ended {
    let report = &Report::new(platform.console, config.debug());
    let once = Once::take(platform.variables);
    let mut retries = 0;
    loop {
        let Platform { disks, clock, policy, variables, .. } = platform;
        let search = Search { disks: *disks, clock: *clock, report, arch: policy.arch, config };
        let discovered = search.run();
        let entries = &discovered.found.entries;
        interface::publish(*variables, entries);
        let wanted = Wanted::find(&once, *variables, &discovered.found, report);
        if wanted.setup {
            return Ended::FirmwareSetup;
        }
        let queue = Queue::unattended(&discovered.volumes, &discovered.found, config.target(), &wanted);
        let wishes = interface::wishes(config, &discovered.found, &once, *variables);
        let offer = Offer::opening(&queue, &wishes, config, platform.operator);
        let round = Round { platform, config, report, discovered: &discovered, wanted: &wanted, retries };
        match round.run(queue, offer) {
            Over::Retry(number) => retries = number,
            Over::End(ended) => return ended,
        }
    }
}

/// How a round ended that started nothing.
enum Over {
    /// Everything is found anew, for this time.
    Retry(u32),
    /// The boot has ended.
    End(Ended),
}

/// One round: discovery has been done, nothing has been started yet.
struct Round<'a> {
    platform: &'a Platform<'a>,
    config: &'a Config,
    report: &'a Report<'a>,
    discovered: &'a Discovered,
    wanted: &'a Wanted<'a>,
    retries: u32,
}

impl<'a> Round<'a> {
    /// Tries one entry after the other, and after each failure does what is decided then.
    fn run(&self, mut queue: Queue<'a>, mut offer: Option<Offer<'a>>) -> Over {
        let Self { platform, config, discovered, .. } = *self;
        let Discovered { volumes, found } = discovered;
        let is_menu_shown = offer.is_some();
        let menu = |offer: &Offer<'_>| menu_items::menu(platform, config, discovered, offer);
        loop {
            if let Some(offer) = offer.take() {
                match ask(platform.operator, &menu, offer, found) {
                    Choice::Entry(entry, edited) => queue = Queue::chosen(volumes, found, entry, edited),
                    Choice::Setup => return Over::End(Ended::FirmwareSetup),
                    Choice::Nothing => {}
                }
            }
            // After a failure the menu has no countdown: nobody is there to choose any more.
            let Some(next) = queue.take_next() else { return Over::End(Ended::AllFailed) };
            let cursor = next.as_ref().map_or(queue.head, |attempt| Some(attempt.entry));
            let is_chosen = next.as_ref().is_ok_and(|attempt| attempt.is_chosen);
            let Err(failure) = next.and_then(|attempt| self.start(attempt));
            let situation = Situation {
                has_more: queue.has_more(),
                is_chosen,
                is_held_back: queue.is_held_back(),
                has_entries: !found.entries.is_empty(),
                is_menu_shown,
                retries: self.retries,
            };
            let next = Next::after(&failure, situation, config);
            self.report.failed(&failure, &next, platform.exit);
            match next {
                Next::Entry => {}
                Next::Menu => offer = Some(Offer::after(&failure, cursor)),
                Next::Retry { number, .. } => return Over::Retry(number),
                Next::End(ended) => return Over::End(ended),
            }
        }
    }

    /// Obtain, verify, hand over.
    fn start(&self, Attempt { entry, edited, .. }: Attempt<'_>) -> Result<Infallible, Failure> {
        let Self { platform, report, discovered: Discovered { volumes, .. }, .. } = *self;
        report.chosen(entry, volumes);
        let reader = Reader { volumes, report, clock: platform.clock, memory: platform.memory };
        let payload = obtain(entry, reader)?;
        let payload = verify(payload, &platform.policy)?;
        report.verified(&payload);
        let payload = command_line::settle(payload, edited, self.config);
        let payload = self.count_try(entry, payload);
        self.hand_over(entry, payload)
    }

    /// Counts a try of the entry, in the name of its file.
    fn count_try(&self, entry: &Entry, payload: Verified<Payload>) -> Verified<Payload> {
        let Some(counting) = &entry.counting else { return payload };
        let Some(place) = Place::of(&counting.file, &self.discovered.volumes) else { return payload };
        match self.platform.tries.rename(&place, &counting.next) {
            Ok(()) => {
                let renamed = place.renamed(&counting.next);
                interface::counted(self.platform.variables, &renamed);
                payload.moved(&place, renamed)
            }
            Err(cause) => {
                self.report.not_counted(&place.path, &cause);
                payload
            }
        }
    }

    fn hand_over(&self, entry: &Entry, payload: Verified<Payload>) -> Result<Infallible, Failure> {
        let Self { platform, report, wanted, .. } = *self;
        let title = payload.title.clone();
        let options: String = payload.content.options().unwrap_or_default().into();
        let log = Log {
            journal: platform.console,
            clock: platform.clock,
            version: platform.version,
            arch: platform.policy.arch,
        };
        let starting = || {
            report.starting(&title, &options, platform.clock.now());
            interface::selected(platform.variables, wanted, entry);
            log.write(platform.variables, &entry.id);
        };
        let outcome = platform.hand_over.hand_over(payload, Permit::to_hand_over(), &starting);
        outcome.map_err(|refused| Failure::new(Phase::Start, title.as_str(), refused.code, &refused.cause))
    }
}
