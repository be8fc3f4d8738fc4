// SPDX-License-Identifier: BSD-3-Clause
//! The boot, from finding disks to handing over.

use alloc::{format, string::String};
use core::convert::Infallible;

use config::Config;

use crate::{
    Ended, Failure, Payload, Phase, Place, Platform, Refused, Verified, Vouched,
    ask::{Choice, Offer, ask},
    cache::{CACHE_FOLDER, Keep, Kept},
    command_line,
    discover::{Discovered, Search},
    interface::{self, Log, Once, Wanted},
    menu_items,
    nesting::{self, Nesting},
    next::{Next, Situation},
    obtain::{Reader, obtain},
    queue::{Attempt, Candidate, Queue},
    remote,
    report::Report,
    rollback,
    verify::{Permit, verify},
};

/// Boots the first entry that can be booted, or the one that the operator chooses. Returns only if none can, with what
/// the program must do then; the console has shown why.
pub fn boot(platform: &Platform<'_>, config: &Config) -> Ended {
    let report = &Report::new(platform.console, config.debug());
    let once = Once::take(platform.variables);
    report.plan(config);
    let mut retries = 0;
    loop {
        if retries > 0 {
            platform.network.try_again();
        }
        let Platform { disks, clock, variables, .. } = *platform;
        let (arch, once) = (platform.policy.arch, &once);
        let discovered = Search { disks, clock, report, arch, config, once, variables }.run();
        let offered = &menu_items::offered(platform, config, &discovered);
        interface::publish(variables, offered);
        let wanted = Wanted::find(once, variables, &discovered.found, config, report);
        if wanted.setup {
            return Ended::Setup;
        }
        let queue = Queue::unattended(&discovered.volumes, &discovered.found, config, &wanted);
        let wishes = interface::wishes(config, &discovered.found, once, variables);
        let offer = Offer::opening(&queue, &wishes, config, platform.operator);
        let offer = offer.filter(|_| !offered.is_empty());
        let discovered = &discovered;
        let round = Round { platform, config, report, discovered, offered, wanted: &wanted, retries };
        match round.run(queue, offer) {
            Over::Retry(number) => retries = number,
            Over::End(ended) => return ended,
        }
    }
}

/// How a round that started nothing ended.
enum Over {
    /// Start over with discovery; the number of the retry.
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
    offered: &'a [Candidate<'a>],
    wanted: &'a Wanted<'a>,
    retries: u32,
}

impl<'a> Round<'a> {
    /// Tries one candidate after the other; after each failure, [`Next`] decides what follows.
    fn run(&self, mut queue: Queue<'a>, mut offer: Option<Offer<'a>>) -> Over {
        let Self { platform, config, discovered, offered, .. } = *self;
        let Discovered { volumes, found } = discovered;
        let is_menu_shown = offer.is_some();
        let menu = |offer: &Offer<'_>| menu_items::menu(platform, config, discovered, offered, offer);
        let mut has_tried = false;
        let forget = || self.report.forgotten(rollback::forget(platform.floors));
        loop {
            if let Some(offer) = offer.take() {
                match ask(platform.operator, &menu, &forget, offer, offered) {
                    Choice::Candidate(candidate, edited) => {
                        platform.network.try_again();
                        queue = Queue::chosen(volumes, found, candidate, edited);
                    }
                    Choice::Setup => return Over::End(Ended::Setup),
                    Choice::Nothing => {}
                }
            }
            // Nothing is left to try, and the menu brought no choice (after a failure it has no countdown).
            let Some(next) = queue.take_next() else { return Over::End(Ended::AllFailed) };
            let cursor = next.as_ref().map_or(queue.head, |attempt| Some(attempt.candidate));
            let is_chosen = next.as_ref().is_ok_and(|attempt| attempt.is_chosen);
            let Err(failure) = next.and_then(|attempt| self.start(attempt));
            has_tried |= failure.phase != Phase::Choose;
            let situation = Situation {
                has_more: queue.has_more(),
                is_chosen,
                has_tried,
                is_held_back: queue.is_held_back(),
                has_entries: !offered.is_empty(),
                is_menu_shown,
                retries: self.retries,
            };
            let next = Next::after(situation, config);
            self.report.failed(&failure, &next, platform.exit);
            match next {
                Next::Entry => {}
                Next::Menu => offer = Some(Offer::after(&failure, cursor)),
                Next::Retry { number, .. } => return Over::Retry(number),
                Next::End(ended) => return Over::End(ended),
            }
        }
    }

    /// Obtains, verifies and hands over one candidate.
    fn start(&self, Attempt { candidate, edited, .. }: Attempt<'_>) -> Result<Infallible, Failure> {
        let (payload, keep) = self.obtain(candidate)?;
        let payload = verify(payload, &self.platform.policy)?;
        rollback::expect_current(self.platform, self.report, &payload.title, payload.vouched())?;
        let refused = |refused: Refused| {
            Failure::new(Phase::Start, payload.title.as_str(), refused.code, &refused.cause)
        };
        nesting::expect_end(self.platform.variables, &payload.content).map_err(refused)?;
        self.report.verified(&payload);
        let payload = command_line::settle(payload, edited, self.config);
        // Only for a verified payload are tries counted and the cache completed.
        let payload = self.count_try(candidate, payload);
        keep.into_iter().for_each(|keep| self.keep(keep));
        self.hand_over(candidate, payload)
    }

    /// Reads or fetches what a candidate starts.
    fn obtain(&self, candidate: Candidate<'_>) -> Result<(Payload, Option<Keep>), Failure> {
        let Self { platform, config, report, discovered: Discovered { volumes, .. }, .. } = *self;
        report.chosen(candidate, volumes);
        match candidate {
            Candidate::Image(reference) => remote::obtain(reference, platform, config, report),
            Candidate::Entry(entry) => {
                let reader = Reader { volumes, report, clock: platform.clock, memory: platform.memory };
                let payload = obtain(entry, reader, &|url| remote::program(url, platform, config, report));
                payload.map(|payload| (payload, None))
            }
        }
    }

    /// Completes the image in the cache, and counts a try of it. Best effort: it starts in any case.
    fn keep(&self, mut keep: Keep) {
        let Platform { storage, floors, variables, .. } = *self.platform;
        match keep.commit(storage, floors) {
            Ok(None) => {}
            Ok(Some(Kept { slot, resolved, bytes })) => self.report.kept(slot, &resolved, bytes),
            Err(failure) => return self.report.uncached(&failure),
        }
        match keep.count(storage, floors) {
            Ok(None) => {}
            Ok(Some(path)) => interface::counted(variables, &format!("{CACHE_FOLDER}/{path}")),
            Err((path, cause)) => self.report.not_counted(&path, &cause),
        }
    }

    /// Counts a try of an entry by renaming its file.
    fn count_try(&self, candidate: Candidate<'_>, payload: Verified<Payload>) -> Verified<Payload> {
        let Candidate::Entry(entry) = candidate else { return payload };
        let Some(counting) = &entry.counting else { return payload };
        let Some(place) = Place::of(&counting.file, &self.discovered.volumes) else { return payload };
        match self.platform.tries.rename(&place, &counting.next) {
            Ok(()) => {
                let renamed = place.renamed(&counting.next);
                interface::counted(self.platform.variables, &renamed.path);
                payload.moved(&place, renamed)
            }
            Err(cause) => {
                self.report.not_counted(&place.path, &cause);
                payload
            }
        }
    }

    fn hand_over(&self, candidate: Candidate<'_>, payload: Verified<Payload>) -> Result<Infallible, Failure> {
        let Self { platform, report, wanted, .. } = *self;
        let title = payload.title.clone();
        let options: String = payload.content.options().unwrap_or_default().into();
        let vouched = payload.vouched().cloned();
        let log = Log {
            journal: platform.console,
            clock: platform.clock,
            version: platform.version,
            arch: platform.policy.arch,
        };
        // A running card would write into the memory of the next program.
        platform.network.stop();
        let starting = || {
            // First of all: if the epoch cannot be stored, nothing may start.
            if let Some(Vouched { release, .. }) = &vouched {
                rollback::raise(platform.floors, &platform.policy.members(), release)?;
            }
            report.starting(&title, &options, platform.clock.now());
            interface::selected(platform.variables, wanted, candidate.id());
            log.write(platform.variables, candidate.id());
            Ok(())
        };
        let nesting = Nesting::enter(platform.variables, &payload.content);
        let outcome = platform.hand_over.hand_over(payload, Permit::to_hand_over(), &starting);
        nesting.leave(platform.variables);
        outcome.map_err(|refused| Failure::new(Phase::Start, title.as_str(), refused.code, &refused.cause))
    }
}
