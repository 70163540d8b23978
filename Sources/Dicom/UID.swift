import Platform

/// Unique Identifiers (PS3.5 section 9 and annex B.2).
package enum UID {
    /// Names this software in the File Meta Information, PS3.10 section 7.1.
    package static let implementationClass = derived(namespace: ["contourd", "implementation"])
    package static let implementationVersionName = "CONTOURD_010"

    /// A UID that depends on `parts` alone: `2.25.` and the decimal value of the name-based UUID
    /// (version 5, RFC 9562) over them. The same parts always give the same UID, and parts are kept apart:
    /// `["a", "bc"]` and `["ab", "c"]` differ.
    package static func derived(namespace parts: [String]) -> String {
        var bytes = namespaceUUID
        for part in parts { bytes += Array("\(part.utf8.count):\(part),".utf8) }
        var uuid = Array(SHA1.digest(bytes).prefix(16))
        uuid[6] = uuid[6] & 0x0F | 0x50
        uuid[8] = uuid[8] & 0x3F | 0x80
        return "2.25." + decimal(uuid)
    }

    /// Digits and single dots, no leading zeros, at most 64 characters.
    package static func isValid(_ uid: String) -> Bool {
        guard !uid.isEmpty, uid.utf8.count <= 64 else { return false }
        return uid.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part == "0" || part.first != "0")
        }
    }

    /// Digits and single dots, at most 64 characters: what is accepted from files. Leading zeros, which the
    /// standard forbids, are common in practice and harmless.
    package static func isUsable(_ uid: String) -> Bool {
        guard !uid.isEmpty, uid.utf8.count <= 64 else { return false }
        return uid.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    /// 4b1d0e86-5d0b-4c7e-9a53-c0d70042d001, drawn once for this project.
    private static let namespaceUUID: [UInt8] = [
        0x4B, 0x1D, 0x0E, 0x86, 0x5D, 0x0B, 0x4C, 0x7E, 0x9A, 0x53, 0xC0, 0xD7, 0x00, 0x42, 0xD0, 0x01,
    ]

    /// A big-endian number of any length as decimal digits.
    private static func decimal(_ bytes: [UInt8]) -> String {
        var digits: [UInt8] = [0]  // least significant first
        for byte in bytes {
            var carry = Int(byte)
            for index in digits.indices {
                let value = Int(digits[index]) * 256 + carry
                digits[index] = UInt8(value % 10)
                carry = value / 10
            }
            while carry > 0 {
                digits.append(UInt8(carry % 10))
                carry /= 10
            }
        }
        return String(decoding: digits.reversed().map { $0 + 0x30 }, as: UTF8.self)
    }
}
