// SPDX-License-Identifier: BSD-3-Clause
//! Key exchange: X25519 (RFC 7748) and ECDH on NIST's curves (RFC 8422 section 5.4, RFC 8446 section 4.2.8.2).
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, marker::PhantomData};

use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey,
    sec1::{FromSec1Point, ModulusSize, ToSec1Point},
};
use rustls::{
    Error, NamedGroup, PeerMisbehaved,
    crypto::{ActiveKeyExchange, SecureRandom as _, SharedSecret, SupportedKxGroup},
};
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::Source;

/// The most draws until a number is a scalar of the curve. The orders of P-256 and P-384 begin with 32 one bits, so
/// each further draw is needed once in four billion times; a source that needs this many is broken.
const DRAWS: u8 = 8;

/// The first byte of an uncompressed point, the only form in TLS.
const UNCOMPRESSED: u8 = 4;

const BAD_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

pub struct X25519(Source);

impl X25519 {
    pub const fn new(random: Source) -> Self {
        Self(random)
    }
}

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.fill(bytes.as_mut_slice())?;
        let secret = StaticSecret::from(*bytes);
        let public = x25519_dalek::PublicKey::from(&secret);
        Ok(Box::new(StartedX25519 { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl fmt::Debug for X25519 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519")
    }
}

/// The secret is zeroised when this is dropped.
struct StartedX25519 {
    secret: StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl ActiveKeyExchange for StartedX25519 {
    fn complete(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        let share: [u8; 32] = share.try_into().map_err(|_| BAD_SHARE)?;
        let shared = self.secret.diffie_hellman(&share.into());
        // RFC 8446 section 7.4.2: for a point of small order, the result is all zeros.
        if !shared.was_contributory() {
            return Err(BAD_SHARE);
        }
        Ok(SharedSecret::from(shared.as_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// ECDH on the curve `C`.
pub struct Ecdh<C> {
    name: NamedGroup,
    random: Source,
    curve: PhantomData<fn() -> C>,
}

impl<C> Ecdh<C> {
    pub const fn new(name: NamedGroup, random: Source) -> Self {
        Self { name, random, curve: PhantomData }
    }
}

impl<C> Ecdh<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
{
    fn secret(&self) -> Result<SecretKey<C>, Error> {
        let mut bytes = FieldBytes::<C>::default();
        let mut secret = None;
        for _ in 0..DRAWS {
            self.random.fill(&mut bytes)?;
            secret = SecretKey::from_bytes(&bytes).ok();
            if secret.is_some() {
                break;
            }
        }
        bytes.as_mut_slice().zeroize();
        secret.ok_or(Error::FailedToGetRandomBytes)
    }
}

impl<C> SupportedKxGroup for Ecdh<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = self.secret()?;
        let public = secret.public_key().as_affine().to_sec1_point(false).as_bytes().to_vec();
        Ok(Box::new(StartedEcdh { name: self.name, secret, public }))
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

impl<C> fmt::Debug for Ecdh<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// The secret is zeroised when this is dropped.
struct StartedEcdh<C: CurveArithmetic> {
    name: NamedGroup,
    secret: SecretKey<C>,
    public: Vec<u8>,
}

impl<C> ActiveKeyExchange for StartedEcdh<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn complete(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        if share.first() != Some(&UNCOMPRESSED) {
            return Err(BAD_SHARE);
        }
        // Checks that the point is on the curve, and is not the point at infinity.
        let share = PublicKey::<C>::from_sec1_bytes(share).map_err(|_| BAD_SHARE)?;
        let shared = self.secret.diffie_hellman(&share);
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec, vec::Vec};

    use p256::NistP256;
    use p384::NistP384;

    use super::*;
    use crate::{NoRandomness, Random, testing::bytes};

    /// Yields the same bytes each time.
    struct Fixed(Vec<u8>);

    impl Random for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
            buffer.copy_from_slice(&self.0);
            Ok(())
        }
    }

    struct Empty;

    impl Random for Empty {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }

    fn fixed(digits: &str) -> Source {
        Source(Box::leak(Box::new(Fixed(bytes(digits)))))
    }

    fn check(group: &dyn SupportedKxGroup, public: &str, share: &str, shared: &str) {
        let started = group.start().unwrap();
        assert_eq!(started.group(), group.name());
        assert_eq!(started.pub_key(), bytes(public));
        let secret = started.complete(&bytes(share)).unwrap();
        assert_eq!(secret.secret_bytes(), bytes(shared));
    }

    fn refuses(group: &dyn SupportedKxGroup, share: &[u8]) {
        assert_eq!(group.start().unwrap().complete(share).err(), Some(BAD_SHARE), "{share:?}");
    }

    const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const BOB: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

    /// RFC 7748 section 6.1.
    #[test]
    fn x25519_agrees_as_in_rfc_7748() {
        check(
            &X25519::new(fixed(ALICE)),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            BOB,
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        );
    }

    /// The u-coordinates of small order that RFC 7748 section 6.1 has in mind: 0, 1, two of order 8, p - 1, p, p + 1,
    /// also with the top bit set, which does not count.
    #[test]
    fn x25519_refuses_points_of_small_order() {
        let group = X25519::new(fixed(ALICE));
        let points = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for point in points {
            let mut share = bytes(point);
            refuses(&group, &share);
            share[31] |= 0x80;
            refuses(&group, &share);
        }
    }

    #[test]
    fn x25519_refuses_shares_of_other_lengths() {
        let group = X25519::new(fixed(ALICE));
        refuses(&group, &[]);
        refuses(&group, &bytes(BOB)[1..]);
        refuses(&group, &[bytes(BOB), vec![0]].concat());
    }

    const P256_SECRET: &str = "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534";
    const P256_SHARE: &str = "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac";

    /// NIST's CAVS 14.1, ECC CDH primitive on P-256, COUNT = 0.
    #[test]
    fn p256_agrees_as_in_nists_vector() {
        check(
            &Ecdh::<NistP256>::new(NamedGroup::secp256r1, fixed(P256_SECRET)),
            "04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b23028af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
            P256_SHARE,
            "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
        );
    }

    /// RFC 5903 section 8.2.
    #[test]
    fn p384_agrees_as_in_rfc_5903() {
        check(
            &Ecdh::<NistP384>::new(
                NamedGroup::secp384r1,
                fixed(
                    "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
                ),
            ),
            "04667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
            "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
            "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
        );
    }

    /// RFC 8446 section 4.2.8.2: only points on the curve, not at infinity, not compressed.
    #[test]
    fn p256_refuses_what_is_no_point() {
        let group = Ecdh::<NistP256>::new(NamedGroup::secp256r1, fixed(P256_SECRET));
        let share = bytes(P256_SHARE);
        refuses(&group, &[]);
        refuses(&group, &[0]);
        refuses(&group, &share[..64]);
        refuses(&group, &[share.clone(), vec![0]].concat());
        for at in [1, 32, 33, 64] {
            let mut other = share.clone();
            other[at] ^= 1;
            refuses(&group, &other);
        }
        // A coordinate that is not smaller than the prime; (0, 0); compressed; hybrid.
        let prime = bytes("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
        refuses(&group, &[&[4], prime.as_slice(), &share[33..]].concat());
        refuses(&group, &[vec![4], vec![0; 64]].concat());
        refuses(&group, &[&[2], &share[1..33]].concat());
        refuses(&group, &[&[6], &share[1..]].concat());
    }

    #[test]
    fn a_source_that_has_nothing_or_no_scalars_starts_nothing() {
        let failed = Some(Error::FailedToGetRandomBytes);
        assert_eq!(X25519::new(Source(&Empty)).start().err(), failed);
        assert_eq!(Ecdh::<NistP256>::new(NamedGroup::secp256r1, Source(&Empty)).start().err(), failed);
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        for digits in [order, &"00".repeat(32), &"ff".repeat(32)] {
            let group = Ecdh::<NistP256>::new(NamedGroup::secp256r1, fixed(digits));
            assert_eq!(group.start().err(), failed);
        }
    }
}
