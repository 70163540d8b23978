/// What the names that an image bears say of its values: Image Type or Frame Type, and how it was derived.
///
/// Vendors write these names freely (`CSA MIP THIN`, `MIP_TRA`, `CT_SOM5 MIP`), so they are compared word by word, where a
/// word is a run of letters and digits: `MIP` is found in all of these, and not in `MIPS`.
enum ImageMeaning: Hashable {
    /// A projection, a rendering or a bent surface; no plane through the patient.
    case noSlice(String)
    /// Values of something else than attenuation.
    case notHU(String)
    /// Hounsfield units that were computed from several energies and differ from those of a plain CT.
    case spectral(String)

    /// All that decides what an image means. Those of a series nearly always bear the same names: of equal ones the meaning is
    /// asked for once.
    struct Names: Hashable {
        private var types: Set<[String]>
        private var calculations: Set<String>
        private var isDistorted: Bool
        private var derivationCodes: [String]

        init(_ header: InstanceHeader) {
            types = [header.imageType]
            types.formUnion(header.frames.compactMap(\.frameType))
            calculations = Set(header.frames.compactMap(\.volumeCalculation))
            isDistorted = header.frames.contains { $0.volumetricProperties?.uppercased() == "DISTORTED" }
            derivationCodes = header.derivationCodes ?? []
        }

        /// Every meaning that is not that of a plain slice; the first of each name's.
        var meanings: Set<ImageMeaning> {
            var found: Set<ImageMeaning> = []
            for name in types.flatMap(\.self) { if let meaning = meaning(ofName: name) { found.insert(meaning) } }
            for calculation in calculations
            where calculationsOfSlices.isDisjoint(with: [calculation.uppercased()]) {
                found.insert(.noSlice(calculation))
            }
            if isDistorted { found.insert(.noSlice("DISTORTED")) }
            for code in derivationCodes { if let name = derivations[code] { found.insert(.noSlice(name)) } }
            return found
        }
    }

    static func meaning(ofName name: String) -> ImageMeaning? {
        let words = name.uppercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
        func holds(_ phrases: [String]) -> Bool {
            phrases.contains { phrase in
                let wanted = phrase.split(separator: " ").map(String.init)
                return words.indices.contains { words[$0...].starts(with: wanted) }
            }
        }
        if holds(projections) { return .noSlice(name) }
        if holds(otherQuantities) { return .notHU(name) }
        if holds(spectralImages) || words.contains(where: isEnergy) { return .spectral(name) }
        return nil
    }

    /// `70KEV`
    private static func isEnergy(_ word: String) -> Bool {
        word == "KEV" || word.hasSuffix("KEV") && word.dropLast(3).allSatisfy(\.isNumber)
    }

    // The three lists stand in docs/dicom-conformance.md, too.

    private static let projections = [
        "MIP", "MINIP", "MNIP", "MAXIP", "MIN IP", "MAX IP", "MAXIMUM", "MINIMUM", "MIDP", "RAYSUM", "RAY SUM", "CPR",
        "CURVED", "VRT", "SSD", "VOLUME RENDER", "VOLUME RENDERING", "SURFACE RENDER", "SURFACE RENDERING",
        "STD DEVIATION",
        "STDDEV",
    ]

    private static let otherQuantities = [
        "IODINE", "WATER", "CALCIUM", "URIC ACID", "FAT FRACTION", "MATERIAL DENSITY", "MAT SPECIFIC", "MAT FRACTIONAL",
        "MAT VALUE BASED", "ELECTRON DENSITY", "RHO", "EFFECTIVE ATOMIC NUMBER", "EFF ATOMIC NUM", "ATOMIC NUMBER",
        "ZEFF", "Z EFF", "EFFECTIVE Z", "EFF Z", "STOPPING POWER", "PERFUSION", "PBV", "RCBF", "RCBV", "CBF", "CBV",
        "MTT",
        "TTP", "TMAX", "FLOW", "BLOOD VOLUME", "PERMEABILITY", "MONOENERGETIC MAP", "SUBTRACT", "SUBTRACTION",
        "DIVISION",
        "MULTIPLICATION", "ADDITION", "MASKED", "QUANTITY",
    ]

    private static let spectralImages = [
        "MONOENERGETIC", "MONOCHROMATIC", "MONOE", "MONO", "VMI", "VNC", "VNU", "VUE", "VIRTUAL NON CONTRAST",
        "VIRTUAL UNENHANCED", "MAT REMOVED", "MAT MODIFIED", "ENERGY PROP WT",
    ]

    /// Defined Terms of Volume Based Calculation Technique (PS3.3 C.8.16.2.1.3) that leave planes planes.
    private static let calculationsOfSlices: Set = ["NONE", "MPR", "MIXED"]

    /// Context group 7203.
    private static let derivations = [
        "113048": "Pixel by pixel Maximum", "113051": "Pixel by pixel Minimum", "113062": "Pixel by pixel subtraction",
        "113073": "Curved multiplanar reformatting", "113074": "Volume rendering", "113075": "Surface rendering",
        "113078": "Maximum intensity projection", "113079": "Minimum intensity projection",
    ]
}
