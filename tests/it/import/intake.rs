//! Taking generations in.
