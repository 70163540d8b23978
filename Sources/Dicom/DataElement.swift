/// A value with its Value Representation. The tag is the key in `DataSet`.
package struct DataElement: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        /// Text VRs, split at backslashes where the VR allows several values, padding removed, Unicode.
        /// No value is an empty array.
        case text([String])
        /// US, SS, UL, SL, UV, SV.
        case integers([Int])
        /// FL and FD.
        case reals([Double])
        /// AT.
        case tags([Tag])
        /// OB, OW, OL, OV, OF, OD, UN: little-endian words as on disk in Explicit VR Little Endian.
        case bytes([UInt8])
        /// SQ: its items.
        case sequence([DataSet])
    }

    package var vr: VR
    package var value: Value

    package init(_ vr: VR, _ value: Value) {
        self.vr = vr
        self.value = value
    }

    /// True when the element is there without a value (zero length).
    package var isEmpty: Bool {
        switch value {
        case .text(let values): values.allSatisfy(\.isEmpty)
        case .integers(let values): values.isEmpty
        case .reals(let values): values.isEmpty
        case .tags(let values): values.isEmpty
        case .bytes(let values): values.isEmpty
        case .sequence(let items): items.isEmpty
        }
    }
}
