//! How much one account in one region carries: the same handlers and models, and AWS's quotas as limits of what goes
//! through (`docs/SCALING.md`).

pub(crate) mod account;
pub(crate) mod load;
pub(crate) mod quotas;
mod uses;

use std::time::{Duration, Instant};

use load::Load;

#[test]
fn try_it() {
    let rate: f64 = crate::setting("RATE").unwrap_or(0.4);
    let lasts = Duration::from_secs(crate::setting("LASTS").unwrap_or(60));
    let begin = Instant::now();
    let o = Load { goals_a_second: rate, lasts, raised: Vec::new() }.run();
    println!("{:.1} s", begin.elapsed().as_secs_f64());
    println!("{:?} {:?} dead {} away {} open {} carried {:.2}", o.ended, o.failed, o.dead, o.turned_away, o.open, o.carried);
    let p = |v: &[f64], q: f64| v.get(((v.len() as f64 - 1.0) * q) as usize).copied();
    println!("running {:?} {:?} end {:?} {:?}", p(&o.until_running, 0.5), p(&o.until_running, 1.0), p(&o.until_end, 0.5), p(&o.until_end, 1.0));
    for (q, u) in &o.used {
        println!("{:>32} {:>12.0} {:>8} held {:.3} most {}", q.name(), u.units, u.requests, u.share_held_up(), u.most);
    }
}
