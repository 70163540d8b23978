/// A DICOM data set, or an item of a sequence: elements by tag, as a value.
///
/// Reading is tolerant: accessors return `nil` or an empty array for what is absent, empty or not of the
/// kind asked for. Pixel Data is not kept here when it is compressed; `PixelReader` decodes it.
package struct DataSet: Hashable, Sendable {
    private var elements: [Tag: DataElement] = [:]
    /// The patient's name or ID held bytes of no declared character set when the data set was read.
    package var hasUnknownText = false

    package init() {}

    package subscript(tag: Tag) -> DataElement? {
        get { elements[tag] }
        set { elements[tag] = newValue }
    }

    /// The tags in ascending order, as they are written.
    package var tags: [Tag] { elements.keys.sorted() }

    package var isEmpty: Bool { elements.isEmpty }

    package mutating func remove(_ tag: Tag) { elements[tag] = nil }

    /// Copies the given elements, as they are, where `other` has them.
    package mutating func copy(_ tags: [Tag], from other: DataSet) {
        for tag in tags {
            if let element = other[tag] { elements[tag] = element }
        }
    }

    /// Puts (0008,0005) where some text is not ASCII: values are always held as Unicode and written as UTF-8.
    package mutating func declareCharacterSet() {
        if hasNonASCIIText { set(.specificCharacterSet, .CS, "ISO_IR 192") }
    }

    private var hasNonASCIIText: Bool {
        elements.values.contains { element in
            switch element.value {
            case .text(let values): values.contains { !$0.utf8.allSatisfy { $0 < 0x80 } }
            case .sequence(let items): items.contains(where: \.hasNonASCIIText)
            default: false
            }
        }
    }
}

// MARK: Reading

extension DataSet {
    /// All text values, surrounding spaces removed; numbers are not turned into text.
    package func strings(_ tag: Tag) -> [String] {
        guard case .text(let values)? = elements[tag]?.value else { return [] }
        return values.map { $0.trimmingSpaces() }
    }

    /// The first text value; `nil` when absent or empty.
    package func string(_ tag: Tag) -> String? {
        guard let first = strings(tag).first, !first.isEmpty else { return nil }
        return first
    }

    /// Numbers of DS, IS, FL, FD and the integer VRs. A text that is no finite number makes the whole value
    /// empty: half of a position is worse than none.
    package func doubles(_ tag: Tag) -> [Double] {
        switch elements[tag]?.value {
        case .text: parsed(strings(tag)) { Double($0).flatMap { $0.isFinite ? $0 : nil } }
        case .integers(let values): values.map(Double.init)
        case .reals(let values): values.allSatisfy(\.isFinite) ? values : []
        default: []
        }
    }

    package func double(_ tag: Tag) -> Double? { doubles(tag).first }

    /// Integers of IS and the integer VRs; IS written as `3.0` counts, `3.5` does not.
    package func integers(_ tag: Tag) -> [Int] {
        switch elements[tag]?.value {
        case .text: parsed(strings(tag)) { Int($0) ?? Double($0).flatMap { Int(exactly: $0) } }
        case .integers(let values): values
        default: []
        }
    }

    /// A whole number of 32 bits, which is all that IS and the counts of DICOM can hold: sums of larger ones, from
    /// hostile files, would overflow.
    package func integer(_ tag: Tag) -> Int? {
        integers(tag).first.flatMap { (Int(Int32.min)...Int(UInt32.max)).contains($0) ? $0 : nil }
    }

    /// A number of pixels or bits: US. 0 for what is absent or larger, so that products cannot overflow.
    func count16(_ tag: Tag) -> Int? { integer(tag).map { (0...Int(UInt16.max)).contains($0) ? $0 : 0 } }

    /// Values of AT.
    package func tagValues(_ tag: Tag) -> [Tag] {
        guard case .tags(let values)? = elements[tag]?.value else { return [] }
        return values
    }

    package func bytes(_ tag: Tag) -> [UInt8]? {
        guard case .bytes(let values)? = elements[tag]?.value else { return nil }
        return values
    }

    /// The items of a sequence; empty when absent.
    package func sequence(_ tag: Tag) -> [DataSet] {
        guard case .sequence(let items)? = elements[tag]?.value else { return [] }
        return items
    }

    private func parsed<Number>(_ texts: [String], _ parse: (String) -> Number?) -> [Number] {
        let numbers = texts.compactMap(parse)
        return numbers.count == texts.count ? numbers : []
    }
}

// MARK: Writing

extension DataSet {
    /// One text value; `nil` writes the element with no value (type 2).
    package mutating func set(_ tag: Tag, _ vr: VR, _ value: String?) {
        elements[tag] = DataElement(vr, .text(value.map { [$0] } ?? []))
    }

    package mutating func set(_ tag: Tag, _ vr: VR, strings: [String]) {
        elements[tag] = DataElement(vr, .text(strings))
    }

    /// Integers as US, SS, UL, SL, UV, SV, or as IS text.
    package mutating func set(_ tag: Tag, _ vr: VR, integers: [Int]) {
        elements[tag] = DataElement(vr, vr == .IS ? .text(integers.map(String.init)) : .integers(integers))
    }

    package mutating func set(_ tag: Tag, _ vr: VR, integer: Int) {
        set(tag, vr, integers: [integer])
    }

    /// Numbers as FL, FD, or as DS text of at most 16 characters.
    package mutating func set(_ tag: Tag, _ vr: VR, doubles: [Double]) {
        elements[tag] = DataElement(vr, vr == .DS ? .text(doubles.map(DecimalString.text)) : .reals(doubles))
    }

    package mutating func set(_ tag: Tag, _ vr: VR, double: Double) {
        set(tag, vr, doubles: [double])
    }

    package mutating func set(_ tag: Tag, tags: [Tag]) {
        elements[tag] = DataElement(.AT, .tags(tags))
    }

    /// Little-endian words of OB, OW and their like.
    package mutating func set(_ tag: Tag, _ vr: VR, bytes: [UInt8]) {
        elements[tag] = DataElement(vr, .bytes(bytes))
    }

    package mutating func set(_ tag: Tag, sequence items: [DataSet]) {
        elements[tag] = DataElement(.SQ, .sequence(items))
    }
}

extension String {
    /// Without the spaces and NULs that pad DICOM values on either side.
    func trimmingSpaces() -> String {
        let isPadding: (Character) -> Bool = { $0 == " " || $0 == "\0" }
        guard let first = firstIndex(where: { !isPadding($0) }), let last = lastIndex(where: { !isPadding($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
