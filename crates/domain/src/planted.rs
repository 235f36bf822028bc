//! The faults that systems of this kind have had, each as a switch that plants it, to see that a test finds it.
//! Compiled only with the feature `planted-bugs`, which no release build can have; without it every switch is off and gone.

macro_rules! faults {
    ($($number:literal $fault:ident $text:literal),* $(,)?) => {
        /// One of the faults of the trust document, by its number there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Fault {
            $(#[doc = concat!($number, ": ", $text, ".")] $fault = $number),*
        }

        #[cfg(feature = "planted-bugs")]
        impl Fault {
            /// All of them, in the order of their numbers.
            pub const ALL: [Self; 30] = [$(Self::$fault),*];

            /// What goes wrong, in one line.
            pub fn text(self) -> &'static str {
                match self { $(Self::$fault => $text),* }
            }

            /// As `HALLPASS_PLANTED_BUG` names it.
            pub fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

faults! {
    1 GrantWithoutTimer "the grant is done, then the audit or the timer write fails",
    2 TimersCollide "timer ids collide",
    3 TwoApproversTwoGrants "two approvers press in the same second",
    4 ClickReplayed "a signed click is replayed",
    5 RetriesRunOut "a backend is down longer than any retry budget",
    6 ThrottleNotRetried "a conflict or throttle isn't tried again",
    7 OlderEndTakesNewer "an older grant's end removes a newer one's access",
    8 GoneAlreadyLoops "the entitlement is gone already, and the revocation loops",
    9 RestartReadsEverything "a restart with 100,000 live grants takes too long",
    10 ExpiryExhaustsConnections "mass expiry exhausts connections",
    11 SessionsSurvive "open sessions survive the revocation",
    12 HalfRevoked "a revocation is half done, one of two entitlements",
    13 RevokedEarly "access is revoked too early",
    14 PausedReplicaActs "a paused old replica acts late",
    15 FailedRevokeForgotten "an attempt to revoke fails and its timer is gone",
    16 OldBackupBelieved "an old backup is restored",
    17 UpgradeLosesGrants "an upgrade while grants live",
    18 RoleRemovedStrandsGrants "a role is removed from the configuration while grants live",
    19 LeaseNeverExpires "a worker dies holding a lease",
    20 ListenDeadUnnoticed "LISTEN is silently dead",
    21 LateCommitsSkipped "rows that commit late are skipped",
    22 BusyNotRetried "SQLite answers busy",
    23 ClockBelieved "the clock jumps, or replicas' clocks differ",
    24 RepeatedAskTwice "Slack times out and the person repeats the ask",
    25 RateLimitDropsNotice "Slack answers 429 and a notice is lost",
    26 LateApprovalCounts "an approval comes after the request timed out",
    27 CardDisagrees "the card says one thing, the backend another",
    28 GuardStaysStuck "an in-process guard stays stuck after a failure",
    29 CostGrowsWithTimers "the cost grows with the pending timers",
    30 ChainForks "the audit chain forks under concurrent writers",
}

/// Whether `HALLPASS_PLANTED_BUG` names this fault.
#[cfg(feature = "planted-bugs")]
pub fn planted(fault: Fault) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<u8>> = std::sync::LazyLock::new(|| {
        let named = std::env::var("HALLPASS_PLANTED_BUG").ok()?;
        named.parse().ok()
    });
    *CHOSEN == Some(fault as u8)
}

#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub const fn planted(_fault: Fault) -> bool {
    false
}

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("planted bugs are for tests: a release build can't have them");

#[cfg(all(test, feature = "planted-bugs"))]
mod tests {
    use super::Fault;

    #[test]
    fn every_number_is_there_once_and_in_order() {
        let numbers: Vec<u8> = Fault::ALL.iter().map(|fault| fault.number()).collect();
        assert_eq!(numbers, (1..=30).collect::<Vec<u8>>());
    }
}
