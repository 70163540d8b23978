#if canImport(Glibc)
import Glibc
#endif

/// Text in which escape sequences switch between character sets (PS3.5 section 6.1.2.5): Japanese, Korean and
/// Chinese names. DCMTK cannot convert it where it was built with the C library's iconv, as Debian's is.
struct ISO2022 {
    /// What bytes below and above 0x80 mean until an escape sequence changes it.
    private enum Set {
        case ascii, jisX0208, jisX0212
        case none, latin1, katakana, ksX1001, gb2312
    }

    private let initialUpper: Set

    /// - Parameter charsets: the values of Specific Character Set (0008,0005).
    init(charsets: [String]) {
        switch charsets.first?.trimmingSpaces().replacing("ISO 2022 IR", with: "ISO_IR") {
        case "ISO_IR 13": initialUpper = .katakana
        case "ISO_IR 100": initialUpper = .latin1
        default: initialUpper = .none
        }
    }

    func decode(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        guard bytes.contains(where: { $0 == 0x1B || $0 >= 0x80 }) else { return String(decoding: bytes, as: UTF8.self) }
        var text = ""
        var (lower, upper) = (Set.ascii, initialUpper)
        var rest = bytes
        while let byte = rest.first {
            if byte == 0x1B, let length = escape(rest.dropFirst(), &lower, &upper) {
                rest = rest.dropFirst(1 + length)
                continue
            }
            let isUpper = byte >= 0x80
            let run = rest.prefix { $0 != 0x1B && ($0 >= 0x80) == isUpper }
            text += convert(run, isUpper ? upper : lower)
            rest = rest.dropFirst(run.count)
            // PS3.5 6.1.2.5.3: a delimiter or the end of a line switches back; only ASCII runs can hold one.
            if !isUpper, lower == .ascii, run.contains(where: { [0x5C, 0x5E, 0x3D, 0x0A, 0x0D].contains($0) }),
                upper == .katakana || upper == .latin1
            {
                upper = initialUpper
            }
        }
        return text
    }

    /// Length of the escape sequence after the ESC; `nil` where it is unknown.
    private func escape(_ rest: Slice<UnsafeRawBufferPointer>, _ lower: inout Set, _ upper: inout Set) -> Int? {
        let known: [(String, Set, Bool)] = [
            ("(B", .ascii, false), ("(J", .ascii, false), ("$B", .jisX0208, false), ("$@", .jisX0208, false),
            ("$(D", .jisX0212, false), (")I", .katakana, true), ("$)C", .ksX1001, true), ("$)A", .gb2312, true),
            ("-A", .latin1, true),
        ]
        for (sequence, set, isUpper) in known where rest.starts(with: sequence.utf8) {
            if isUpper { upper = set } else { lower = set }
            return sequence.utf8.count
        }
        return nil
    }

    /// A run of one set, by way of the Extended Unix Code that contains it.
    private func convert(_ run: Slice<UnsafeRawBufferPointer>, _ set: Set) -> String {
        switch set {
        case .ascii: return String(decoding: run, as: UTF8.self)
        case .jisX0208: return iconvert(run.map { $0 > 0x20 ? $0 | 0x80 : $0 }, from: "EUC-JP")
        case .jisX0212: return iconvert(pairs(run).flatMap { [0x8F] + $0.map { $0 | 0x80 } }, from: "EUC-JP")
        case .katakana: return iconvert(run.flatMap { [0x8E, $0] }, from: "EUC-JP")
        case .ksX1001: return iconvert(Array(run), from: "EUC-KR")
        case .gb2312: return iconvert(Array(run), from: "GB18030")
        case .latin1: return String(String.UnicodeScalarView(run.map { Unicode.Scalar($0) }))
        case .none: return String(decoding: run, as: UTF8.self)
        }
    }

    private func pairs(_ run: Slice<UnsafeRawBufferPointer>) -> [[UInt8]] {
        let bytes = Array(run)
        return stride(from: 0, to: bytes.count - bytes.count % 2, by: 2).map { [bytes[$0], bytes[$0 + 1]] }
    }

    private func iconvert(_ input: [UInt8], from charset: String) -> String {
        guard let converter = iconv_open("UTF-8", charset), converter != iconv_t(bitPattern: -1) else {
            return String(repeating: "\u{FFFD}", count: input.count)
        }
        defer { iconv_close(converter) }
        var source = input.map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: input.count * 4 + 4)
        let written = source.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { output in
                var (from, fromLeft) = (source.baseAddress, source.count)
                var (to, toLeft) = (output.baseAddress, output.count)
                while fromLeft > 0, iconv(converter, &from, &fromLeft, &to, &toLeft) == size_t.max, errno == EILSEQ {
                    from = from.map { $0 + 1 }  // a byte that is no character is left out
                    fromLeft -= 1
                }
                return output.count - toLeft
            }
        }
        return String(decoding: output.prefix(written).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
