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

        var isDouble: Bool { self == .jisX0208 || self == .jisX0212 }
    }

    /// Backslash, caret, equals sign and the ends of lines.
    private static let delimiters: [UInt8] = [0x5C, 0x5E, 0x3D, 0x0A, 0x0D]

    private let initialUpper: Set

    /// - Parameter charsets: the values of Specific Character Set (0008,0005).
    init(charsets: [String]) {
        switch charsets.first?.trimmingSpaces().replacing("ISO 2022 IR", with: "ISO_IR") {
        case "ISO_IR 13": initialUpper = .katakana
        case "ISO_IR 100": initialUpper = .latin1
        default: initialUpper = .none
        }
    }

    /// Whether bytes above 0x7F mean something before the first escape sequence.
    var isDeclared: Bool {
        if case .none = initialUpper { return false }
        return true
    }

    func decode(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        guard bytes.contains(where: { $0 == 0x1B || $0 >= 0x80 }) else { return String(decoding: bytes, as: UTF8.self) }
        var text: [UInt8] = []  // UTF-8
        var (lower, upper) = (Set.ascii, initialUpper)
        var converters = Converters()
        var rest = bytes
        while let byte = rest.first {
            if byte == 0x1B {
                let length = escape(rest.dropFirst(), &lower, &upper)
                // What an unknown sequence announces cannot be known; its other bytes are read as they are.
                if length == nil { text += "\u{FFFD}".utf8 }
                rest = rest.dropFirst(1 + (length ?? 0))
                continue
            }
            let isUpper = byte >= 0x80
            let run = rest.prefix { $0 != 0x1B && ($0 >= 0x80) == isUpper }
            rest = rest.dropFirst(run.count)
            // Characters of two bytes leave one over where a delimiter ends them (PS3.5 6.1.2.5.3): ASCII begins with it.
            let isDelimited =
                lower.isDouble && !isUpper && run.count % 2 == 1 && run.last.map(Self.delimiters.contains) == true
            append(isDelimited ? run.dropLast() : run, isUpper ? upper : lower, &converters, to: &text)
            if isDelimited, let delimiter = run.last {
                text.append(delimiter)
                lower = .ascii
            }
            // PS3.5 6.1.2.5.3: a delimiter or the end of a line switches back; only ASCII runs can hold one.
            if !isUpper, lower == .ascii, run.contains(where: Self.delimiters.contains),
                upper == .katakana || upper == .latin1
            {
                upper = initialUpper
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What follows the ESC, the set it announces, and whether that is for bytes from 0x80.
    private static let sequences: [(String, Set, Bool)] = [
        ("(B", .ascii, false), ("(J", .ascii, false), ("$B", .jisX0208, false), ("$@", .jisX0208, false),
        ("$(D", .jisX0212, false), (")I", .katakana, true), ("$)C", .ksX1001, true), ("$)A", .gb2312, true),
        ("-A", .latin1, true),
    ]

    /// Length of the escape sequence after the ESC; `nil` where it is unknown.
    private func escape(_ rest: Slice<UnsafeRawBufferPointer>, _ lower: inout Set, _ upper: inout Set) -> Int? {
        for (sequence, set, isUpper) in Self.sequences where rest.starts(with: sequence.utf8) {
            if isUpper { upper = set } else { lower = set }
            return sequence.utf8.count
        }
        return nil
    }

    /// A run of one set, by way of the Extended Unix Code that contains it.
    private func append(
        _ run: Slice<UnsafeRawBufferPointer>,
        _ set: Set,
        _ converters: inout Converters,
        to text: inout [UInt8]
    ) {
        switch set {
        case .ascii: text += run
        // No set was declared: no text gets lost where it is read as the most common one.
        case .none: for byte in run { text += byte < 0x80 ? [byte] : [0xC0 | byte >> 6, 0x80 | byte & 0x3F] }
        case .jisX0208: converters.append(run.map { $0 > 0x20 ? $0 | 0x80 : $0 }, from: "EUC-JP", to: &text)
        case .jisX0212:
            converters.append(pairs(run).flatMap { [0x8F] + $0.map { $0 | 0x80 } }, from: "EUC-JP", to: &text)
        case .katakana: converters.append(run.flatMap { [0x8E, $0] }, from: "EUC-JP", to: &text)
        case .ksX1001: converters.append(Array(run), from: "EUC-KR", to: &text)
        case .gb2312: converters.append(Array(run), from: "GB18030", to: &text)
        case .latin1: for byte in run { text += [0xC0 | byte >> 6, 0x80 | byte & 0x3F] }
        }
    }

    private func pairs(_ run: Slice<UnsafeRawBufferPointer>) -> [[UInt8]] {
        let bytes = Array(run)
        return stride(from: 0, to: bytes.count - bytes.count % 2, by: 2).map { [bytes[$0], bytes[$0 + 1]] }
    }
}

/// The C library's converters to UTF-8, each opened once for a text: opening takes long, and a text may change
/// its set at every byte.
private struct Converters: ~Copyable {
    private var opened: [String: iconv_t] = [:]

    deinit { for converter in opened.values { iconv_close(converter) } }

    private mutating func converter(from charset: String) -> iconv_t? {
        if let known = opened[charset] { return known }
        guard let new = iconv_open("UTF-8", charset), new != iconv_t(bitPattern: -1) else { return nil }
        opened[charset] = new
        return new
    }

    /// Appends the text as UTF-8. Bytes that are no character of the set are left out.
    mutating func append(_ input: [UInt8], from charset: String, to text: inout [UInt8]) {
        guard let converter = converter(from: charset) else {
            for _ in input { text += "\u{FFFD}".utf8 }
            return
        }
        iconv(converter, nil, nil, nil, nil)  // forget what the text before left unfinished
        var source = input.map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: input.count * 4 + 4)
        let written = source.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { output in
                var (from, fromLeft) = (source.baseAddress, source.count)
                var (to, toLeft) = (output.baseAddress, output.count)
                while fromLeft > 0, iconv(converter, &from, &fromLeft, &to, &toLeft) == size_t.max, errno == EILSEQ {
                    from = from.map { $0 + 1 }
                    fromLeft -= 1
                }
                return output.count - toLeft
            }
        }
        text += output[..<written].lazy.map { UInt8(bitPattern: $0) }
    }
}
