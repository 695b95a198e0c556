//! Randomness for keys and salts: the operating system's alone, through a seam that tests can hold constant.

use crate::ports::sealer::SealError;

/// A source of random bytes.
pub(crate) trait Randomness: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    fn fill(&self, bytes: &mut [u8]) -> Result<(), SealError>;
}

/// The operating system's generator; never a seed kept in the process, which a copied machine would repeat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), SealError> {
        getrandom::fill(bytes).map_err(|_| SealError::Randomness)
    }
}

/// Sixteen random bytes: the id of a new key.
pub(crate) fn key_id(randomness: &dyn Randomness) -> Result<[u8; 16], SealError> {
    let mut id = [0; 16];
    randomness.fill(&mut id)?;
    Ok(id)
}

/// The failure that tests are after: a generator that always says the same.
#[cfg(test)]
pub(crate) struct ConstantRandomness(pub(crate) u8);

#[cfg(test)]
impl Randomness for ConstantRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), SealError> {
        bytes.fill(self.0);
        Ok(())
    }
}
