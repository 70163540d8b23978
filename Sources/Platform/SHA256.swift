internal import CCrypto
import Foundation
import Glibc

/// SHA-256 (FIPS 180-4), computed by OpenSSL. Used for identity (models, configurations, files), not for secrets.
package struct SHA256Digest: ~Copyable {
    private let context: OpaquePointer

    package init() {
        // EVP_DigestInit(3): both fail only without memory, or where a system-wide policy leaves no SHA-256.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            fatalError("OpenSSL offers no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// The digest of `data` as 64 lower-case hexadecimal digits.
    package static func hex(of data: Data) -> String {
        var digest = SHA256Digest()
        data.withUnsafeBytes { digest.update($0) }
        return digest.finalizedHex()
    }

    /// The digest of `data` in base 64, as a Content Security Policy names a script.
    package static func base64(of data: Data) -> String {
        var digest = SHA256Digest()
        data.withUnsafeBytes { digest.update($0) }
        return Data(digest.finalized()).base64EncodedString()
    }

    /// The digest of a file's bytes, read a block at a time.
    /// - Parameter onProgress: called after every block.
    package static func hex(ofFile path: String, onProgress: () -> Void = {}) throws(SystemError) -> String {
        let file = try FileDescriptor.open(path, O_RDONLY)
        var digest = SHA256Digest()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try file.read(into: buffer, path: path)
            if count == 0 { return digest.finalizedHex() }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            onProgress()
        }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    package consuming func finalizedHex() -> String {
        finalized().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private consuming func finalized() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { bytes, count in
            var length: UInt32 = 0
            EVP_DigestFinal_ex(context, bytes.baseAddress, &length)
            count = Int(length)
        }
    }
}
