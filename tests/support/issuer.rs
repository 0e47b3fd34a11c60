use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::Value;

/// Signs tokens as the user pool does, including ones that it would never issue.
#[derive(Debug)]
pub struct Issuer {
    key: RsaKeyPair,
}

impl Issuer {
    /// The issuer with the key that the emulator stores in this file.
    pub(crate) fn with_key(pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).expect("a key in PEM");
        Self { key: RsaKeyPair::from_pkcs8(&der).expect("an RSA key in PKCS#8") }
    }

    /// The token with its claims changed, and signed again.
    pub fn reissue(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut parts = token.split('.');
        let (header, claims) = (parts.next().expect("a header"), parts.next().expect("claims"));
        let decoded = URL_SAFE_NO_PAD.decode(claims).expect("claims in base64");
        let mut claims: Value = serde_json::from_slice(&decoded).expect("claims in JSON");
        change(&mut claims);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
