//! Hostile guests against the host's own egress and real servers: rows 11, 13, 14, 16, 21 and 22 of the corpus, from inside the
//! sandbox. What is refused is refused by the real rules, and the servers tell that nothing came.

mod bodies;
mod destinations;
mod ground;
mod headers;
mod redirects;
