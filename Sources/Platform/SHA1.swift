internal import CCrypto

/// SHA-1 (FIPS 180-4), computed by OpenSSL: name-based UUIDs of version 5 are made with it (RFC 9562). Not for security.
package enum SHA1 {
    /// The 20 bytes of the digest of `message`.
    package static func digest(_ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 20) { bytes, count in
            // EVP_DigestInit(3): fails only without memory, or where a system-wide policy leaves no SHA-1.
            guard EVP_Digest(message, message.count, bytes.baseAddress, nil, EVP_sha1(), nil) == 1 else {
                fatalError("OpenSSL offers no SHA-1")
            }
            count = 20
        }
    }
}
