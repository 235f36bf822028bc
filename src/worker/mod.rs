//! Claims due effects, carries them out, records what came of them.
