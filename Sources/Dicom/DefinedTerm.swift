/// Attributes of which a message may repeat what a file says only where that is one of the terms that DICOM defines: whatever
/// else stands in them may be a name.
package enum DefinedTerm {
    /// The Modality (PS3.3 C.7.3.1.1.1, retired terms included), or "unknown"; "none" where there is none.
    package static func modality(_ value: String) -> String { known(value, among: modalities, else: "unknown") }

    /// The Photometric Interpretation (PS3.3 C.7.6.3.1.2, retired terms included), or "unknown".
    static func photometricInterpretation(_ value: String) -> String {
        known(value, among: photometricInterpretations, else: "unknown")
    }

    /// The Rescale Type (PS3.3 C.11.1.1.2), or "unknown units".
    static func rescaleType(_ value: String) -> String { known(value, among: rescaleTypes, else: "unknown units") }

    private static func known(_ value: String, among terms: Set<String>, else other: String) -> String {
        value.isEmpty ? "none" : terms.contains(value) ? value : other
    }

    private static let modalities = terms(
        """
        ANN AR ASMT AS AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA \
        FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT \
        PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR \
        SR SRF ST STAIN TEXTUREMAP TG US VA VF VL XA XAPROTOCOL XC
        """
    )
    private static let photometricInterpretations = terms(
        """
        MONOCHROME1 MONOCHROME2 RGB HSV ARGB CMYK XYB YBR_FULL YBR_FULL_422 YBR_PARTIAL_420 YBR_PARTIAL_422 YBR_ICT YBR_RCT
        """
    ).union(["PALETTE COLOR"])
    private static let rescaleTypes = terms("OD HU US MGML Z_EFF ED EDW HU_MOD PCT")

    private static func terms(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }
}
