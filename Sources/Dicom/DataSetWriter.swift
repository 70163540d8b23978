internal import CDCMTK

/// Hands a `DataSet` to the shim for writing.
enum DataSetWriter {
    static func write(_ dataSet: DataSet, into item: OpaquePointer?) throws(DicomError) {
        for tag in dataSet.tags {
            guard let element = dataSet[tag] else { continue }
            if case .sequence(let items) = element.value {
                try write(items, at: tag, into: item)
            } else {
                try write(element, at: tag, into: item)
            }
        }
    }

    private static func write(_ items: [DataSet], at tag: Tag, into parent: OpaquePointer?) throws(DicomError) {
        try check(cdcm_put_sequence(parent, tag.group, tag.element))
        for dataSet in items {
            var child: OpaquePointer?
            try check(cdcm_append_item(parent, tag.group, tag.element, &child))
            try write(dataSet, into: child)
        }
    }

    private static func write(_ element: DataElement, at tag: Tag, into item: OpaquePointer?) throws(DicomError) {
        let (kind, bytes) = try encoded(element, at: tag)
        let status = bytes.withUnsafeBytes {
            cdcm_put(item, tag.group, tag.element, element.vr.rawValue, kind, $0.baseAddress, $0.count)
        }
        try check(status)
    }

    private static func check(_ status: cdcm_status) throws(DicomError) {
        guard status == CDCM_OK else { throw ShimFile.error(status) }
    }

    private static func encoded(_ element: DataElement, at tag: Tag) throws(DicomError) -> (cdcm_kind, [UInt8]) {
        switch element.value {
        case .text(let values):
            return (CDCM_TEXT, Array(values.joined(separator: "\\").utf8))
        case .bytes(let bytes):
            return (binaryKind(element.vr), bytes)
        case .tags(let tags):
            return (CDCM_UINT16, raw(tags.flatMap { [$0.group, $0.element] }))
        case .reals(let values):
            if element.vr == .FL { return (CDCM_FLOAT32, raw(values.map { Float($0).bitPattern })) }
            return (CDCM_FLOAT64, raw(values.map(\.bitPattern)))
        case .integers(let values):
            return try encoded(values, element.vr, at: tag)
        case .sequence:
            throw DicomError.cannotWrite(reason: "a sequence inside a value at \(tag)")
        }
    }

    private static func encoded(_ values: [Int], _ vr: VR, at tag: Tag) throws(DicomError) -> (cdcm_kind, [UInt8]) {
        switch vr {
        case .US: return (CDCM_UINT16, raw(try exact(values, UInt16.self, at: tag)))
        case .SS: return (CDCM_INT16, raw(try exact(values, Int16.self, at: tag)))
        case .UL: return (CDCM_UINT32, raw(try exact(values, UInt32.self, at: tag)))
        case .SL: return (CDCM_INT32, raw(try exact(values, Int32.self, at: tag)))
        default: throw DicomError.cannotWrite(reason: "integers with VR \(vr.rawValue) at \(tag)")
        }
    }

    private static func exact<Number: FixedWidthInteger>(
        _ values: [Int],
        _: Number.Type,
        at tag: Tag
    ) throws(DicomError) -> [Number] {
        let numbers = values.compactMap { Number(exactly: $0) }
        guard numbers.count == values.count else {
            throw DicomError.cannotWrite(reason: "a number does not fit its VR at \(tag)")
        }
        return numbers
    }

    private static func binaryKind(_ vr: VR) -> cdcm_kind {
        switch vr {
        case .OW: CDCM_UINT16
        case .OL: CDCM_UINT32
        case .OF: CDCM_FLOAT32
        case .OD: CDCM_FLOAT64
        default: CDCM_BYTES
        }
    }

    private static func raw<Number: BitwiseCopyable>(_ numbers: [Number]) -> [UInt8] {
        numbers.withUnsafeBytes { Array($0) }
    }
}
