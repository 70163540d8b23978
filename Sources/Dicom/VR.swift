/// Value Representation (PS3.5 section 6.2).
package enum VR: String, Sendable, Hashable, CaseIterable {
    case AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, OB, OD, OF, OL, OV, OW, PN
    case SH, SL, SQ, SS, ST, SV, TM, UC, UI, UL, UN, UR, US, UT, UV

    /// Text in which a backslash is part of the value, not a separator.
    package var isSingleText: Bool { [.ST, .LT, .UT, .UR].contains(self) }

    /// Bytes or words kept as they are.
    package var isBinary: Bool { [.OB, .OD, .OF, .OL, .OV, .OW, .UN].contains(self) }
}
