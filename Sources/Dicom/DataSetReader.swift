internal import CDCMTK

/// Turns the shim's walk over a parsed file into a `DataSet`.
enum DataSetReader {
    /// Is given each item when it ends, with the sequences around it, outermost first; true where the item was used up and
    /// is not wanted in the data set. So a sequence of any length can be read with one item in memory.
    typealias Taking = (_ path: [Tag], _ item: DataSet) -> Bool

    static func read(
        _ shim: borrowing ShimFile,
        metaInformation: Bool,
        until: Tag?,
        taking: Taking? = nil
    ) throws(DicomError) -> DataSet {
        let builder = DataSetBuilder(isUnicode: cdcm_text_unconverted(shim.handle) == 0, taking: taking)
        var visitor = cdcm_visitor()
        visitor.context = Unmanaged.passUnretained(builder).toOpaque()
        visitor.element = { context, group, element, vr, kind, bytes, length in
            builderOf(context).element(
                Tag(group, element),
                vr,
                kind,
                UnsafeRawBufferPointer(start: bytes, count: length)
            )
        }
        visitor.begin_sequence = { context, group, element in builderOf(context).beginSequence(Tag(group, element)) }
        visitor.end_sequence = { context in builderOf(context).endSequence() }
        visitor.begin_item = { context in builderOf(context).beginItem() }
        visitor.end_item = { context in builderOf(context).endItem() }
        let stop = until ?? Tag(0xFFFF, 0xFFFF)
        let status = cdcm_visit(shim.handle, metaInformation ? 1 : 0, stop.group, stop.element, &visitor)
        guard status == CDCM_OK else { throw ShimFile.error(status) }
        return builder.finished()
    }
}

private func builderOf(_ context: UnsafeMutableRawPointer?) -> DataSetBuilder {
    Unmanaged<DataSetBuilder>.fromOpaque(context!).takeUnretainedValue()
}

/// Collects elements; a class because C holds a pointer to it during the walk.
private final class DataSetBuilder {
    private var root = DataSet()
    /// Where DCMTK could not convert the text: how to.
    private var decoder: ISO2022?
    private let isUnicode: Bool
    private let taking: DataSetReader.Taking?
    /// Open items, outermost first; empty at top level.
    private var items: [DataSet] = []
    /// Open sequences with the items finished so far.
    private var sequences: [(tag: Tag, items: [DataSet])] = []

    init(isUnicode: Bool, taking: DataSetReader.Taking?) {
        self.isUnicode = isUnicode
        self.taking = taking
    }

    /// The data set; its text is Unicode now, whatever the file said.
    func finished() -> DataSet {
        if decoder != nil { root.set(.specificCharacterSet, .CS, "ISO_IR 192") }
        return root
    }

    func element(_ tag: Tag, _ vr: UnsafePointer<CChar>?, _ kind: cdcm_kind, _ bytes: UnsafeRawBufferPointer) {
        let vr = vr.flatMap { VR(rawValue: String(cString: $0)) } ?? .UN
        put(DataElement(vr, value(vr, kind, bytes)), at: tag)
        if [.patientName, .patientID].contains(tag), items.isEmpty, bytes.contains(where: { $0 >= 0x80 }),
            decoder?.isDeclared == false || String(validating: bytes, as: UTF8.self) == nil && decoder == nil
        {
            root.hasUnknownText = true
        }
        // Comes first in its group, before any text.
        if tag == .specificCharacterSet, !isUnicode, items.isEmpty {
            decoder = ISO2022(charsets: root.strings(.specificCharacterSet))
        }
    }

    func beginSequence(_ tag: Tag) { sequences.append((tag, [])) }

    func endSequence() {
        let finished = sequences.removeLast()
        put(DataElement(.SQ, .sequence(finished.items)), at: finished.tag)
    }

    func beginItem() { items.append(DataSet()) }

    func endItem() {
        let item = items.removeLast()
        if let taking, taking(sequences.map(\.tag), item) { return }
        sequences[sequences.count - 1].items.append(item)
    }

    private func put(_ element: DataElement, at tag: Tag) {
        if items.isEmpty { root[tag] = element } else { items[items.count - 1][tag] = element }
    }

    private func value(_ vr: VR, _ kind: cdcm_kind, _ bytes: UnsafeRawBufferPointer) -> DataElement.Value {
        if kind == CDCM_TEXT { return .text(texts(vr, bytes)) }
        if vr == .AT { return .tags(tags(bytes)) }
        if vr.isBinary || kind == CDCM_BYTES { return .bytes(Array(bytes)) }
        return switch kind {
        case CDCM_UINT16: .integers(numbers(bytes, UInt16.self).map(Int.init))
        case CDCM_INT16: .integers(numbers(bytes, Int16.self).map(Int.init))
        case CDCM_UINT32: .integers(numbers(bytes, UInt32.self).map(Int.init))
        case CDCM_INT32: .integers(numbers(bytes, Int32.self).map(Int.init))
        case CDCM_UINT64: .integers(numbers(bytes, UInt64.self).map { Int(clamping: $0) })
        case CDCM_INT64: .integers(numbers(bytes, Int64.self).map(Int.init))
        case CDCM_FLOAT32: .reals(numbers(bytes, UInt32.self).map { Double(Float(bitPattern: $0)) })
        default: .reals(numbers(bytes, UInt64.self).map { Double(bitPattern: $0) })
        }
    }

    private func numbers<Number: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _: Number.Type) -> [Number] {
        let width = MemoryLayout<Number>.size
        return (0..<bytes.count / width).map { bytes.loadUnaligned(fromByteOffset: $0 * width, as: Number.self) }
    }

    private func tags(_ bytes: UnsafeRawBufferPointer) -> [Tag] {
        let words = numbers(bytes, UInt16.self)
        return stride(from: 0, to: words.count - words.count % 2, by: 2).map { Tag(words[$0], words[$0 + 1]) }
    }

    /// Bytes above 0x7F that no character set explains are read as Latin-1: a character that may be another one, not none.
    private func unicode(_ bytes: UnsafeRawBufferPointer) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }

    /// Padding at the end goes; leading spaces stay, the value is kept as it was sent.
    private func texts(_ vr: VR, _ bytes: UnsafeRawBufferPointer) -> [String] {
        let text = decoder?.decode(bytes[...]) ?? unicode(bytes)
        let utf8 = text.utf8
        let pieces = vr.isSingleText ? [utf8[...]] : utf8.split(separator: 0x5C, omittingEmptySubsequences: false)
        let texts = pieces.map { piece in
            let end = piece.lastIndex { $0 != 0x20 && $0 != 0 }.map(piece.index(after:)) ?? piece.startIndex
            return String(Substring(piece[..<end]))
        }
        return texts == [""] ? [] : texts
    }
}
