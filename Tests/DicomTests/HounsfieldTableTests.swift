import Dicom
import Testing

@Suite("Hounsfield units are looked up")
struct HounsfieldTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var bitsStored: Int
        var highBit: Int
        var isSigned: Bool
        var slope: Double
        var padding: ClosedRange<Int>?
        var testDescription: String { "\(bitsStored) bits up to \(highBit), signed \(isSigned), slope \(slope)" }
    }

    static let cases: [Case] = [(12, 11), (12, 15), (16, 15), (13, 12), (1, 0)].flatMap { bits in
        [false, true].flatMap { isSigned in
            [(1.0, nil), (2.5, -2000 ... -1900), (-1.0, 63...70)].map { slope, padding in
                Case(bitsStored: bits.0, highBit: bits.1, isSigned: isSigned, slope: slope, padding: padding)
            }
        }
    }

    /// Bits written out as text, so that nothing is shared with the code under test.
    private func value(of word: UInt16, _ one: Case) -> Int {
        let text = String(word, radix: 2)
        let bits = Array(String(repeating: "0", count: 16 - text.count) + text)
        let field = bits[(15 - one.highBit)..<(16 - one.highBit + one.bitsStored - 1)]
        let unsigned = Int(String(field), radix: 2)!
        return one.isSigned && field.first == "1" ? unsigned - 1 << one.bitsStored : unsigned
    }

    @Test("every word of 16 bits, overlay bits and all, becomes what the rescale says", arguments: cases)
    func everyWord(_ one: Case) throws {
        let limits = AdmissionLimits()
        let conversion = HounsfieldConversion(
            slope: one.slope,
            intercept: -1024,
            padding: one.padding,
            undeclaredPaddingHU: limits.undeclaredPaddingHU
        )
        let format = HounsfieldTable.Format(bitsStored: one.bitsStored, highBit: one.highBit, isSigned: one.isSigned)
        let table = HounsfieldTable(conversion, format, limits: limits)
        let words = (0...UInt16.max).map { $0 &* 40503 }  // odd: every word once, in no order
        var output = [Int16](repeating: 0, count: words.count)
        let counts = output.withUnsafeMutableBufferPointer { target in
            words.withUnsafeBytes { table.convert($0, of: UInt16.self, into: target) }
        }
        var expected = HUCounts()
        var wrong = 0
        for (word, found) in zip(words, output) {
            let stored = value(of: word, one)
            let hu = max(-32768, min(32767, (Double(stored) * one.slope - 1024).rounded()))
            let isPadded = one.padding?.contains(stored) == true || hu <= limits.undeclaredPaddingHU
            wrong += found == (isPadded ? -1000 : Int16(hu)) ? 0 : 1
            if isPadded {
                expected.padded += 1
            } else if limits.airHU.contains(hu) {
                expected.air += 1
            } else if limits.softTissueHU.contains(hu) {
                expected.softTissue += 1
            } else if limits.possibleHU.contains(hu) {
                expected.other += 1
            } else {
                expected.impossible += 1
            }
        }
        #expect(wrong == 0)
        #expect(counts == expected)
    }
}
