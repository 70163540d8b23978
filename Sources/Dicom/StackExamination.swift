import Imaging

/// One slice of an examined stack, in k order.
package struct ExaminedSlice: Sendable, Hashable {
    /// Index into the examined headers.
    package var header: Int
    /// 0-based frame in that header's file.
    package var frame: Int
    package var position: PatientPoint
    /// Projection of the position on the normal, mm.
    package var distance: Double
    package var instanceNumber: Int?
}

/// What `examineStack` found: the slices in order, the grid they span, and every reason for or against them.
package struct StackExamination: Sendable {
    /// Sorted by projection on the normal, ascending; empty where there is no common geometry.
    package var slices: [ExaminedSlice] = []
    /// The grid; `nil` where the slices span none.
    package var geometry: VolumeGeometry?
    package var findings: [AdmissionFinding] = []
    /// True where the headers' counts show that neither end is missing.
    package var extentIsProvable = false
    /// Gaps between neighbouring slices where slices are missing; the daemon waits for these.
    package var gaps: [SliceGap] = []
    /// The distance that most neighbours have, mm; the spacing of `geometry` is the mean over gaps, too.
    package var commonSpacingMM: Double?
    /// Slices that the headers' counts promise beyond those at hand; the daemon waits for these, too.
    package var promisedSlices = 0
    /// Parts of a multi-frame image that did not come (PS3.3 C.7.6.16.2.2.4); the daemon waits for these, too.
    package var missingParts = 0

    package var isAcceptable: Bool { refusals.isEmpty }
    package var refusals: [AdmissionFinding] { findings.filter { $0.severity == .refusal } }
    package var warnings: [AdmissionFinding] { findings.filter { $0.severity == .warning } }
}

/// Slices missing between two neighbours.
package struct SliceGap: Codable, Sendable, Hashable {
    package var missingSlices: Int
    /// Instance Number and distance along the normal (mm) of the slices on either side.
    package var lowerInstanceNumber: Int?
    package var upperInstanceNumber: Int?
    package var lowerMM: Double
    package var upperMM: Double
}

/// Judges whether the given files are one trustworthy CT volume, by their headers alone.
///
/// Pixel values are judged by `loadCTSeries`. Findings come in a fixed order and the examination goes on as
/// far as it can, so that a user learns of all faults at once.
///
/// - Parameters:
///   - headers: the files of one stack, in any order; several with one SOP Instance UID count once if equal.
///   - seriesInstanceCount: instances of the whole Series at hand, where it has several stacks.
package func examineStack(
    _ headers: [InstanceHeader],
    limits: AdmissionLimits = AdmissionLimits(),
    seriesInstanceCount: Int? = nil
) -> StackExamination {
    var examiner = StackExaminer(headers: headers, limits: limits, seriesInstanceCount: seriesInstanceCount)
    examiner.run()
    return examiner.result
}

/// The steps of `examineStack`; each adds its findings.
struct StackExaminer {
    let headers: [InstanceHeader]
    let limits: AdmissionLimits
    let seriesInstanceCount: Int?
    var result = StackExamination()
    /// Indices of `headers` without repeated SOP Instance UIDs.
    var unique: [Int] = []

    init(headers: [InstanceHeader], limits: AdmissionLimits, seriesInstanceCount: Int?) {
        self.headers = headers
        self.limits = limits
        self.seriesInstanceCount = seriesInstanceCount
    }

    mutating func run() {
        guard !headers.isEmpty else {
            refuse("E_NO_IMAGES", "There is no CT image.", hint: "Send the CT series.")
            return
        }
        dropRepeatedInstances()
        examineKind()
        examinePixels()
        examineMeaning()
        examineIdentity()
        examineRescale()
        guard examineGrid() else { return }
        sortSlices()
        examineOrientation()
        examineCount()
        examinePositions()
        examineMixture()
        examineShear()
        examineExtent()
        result.geometry = makeGeometry()
    }

    mutating func refuse(_ code: String, _ message: String, hint: String, details: [String] = []) {
        result.findings.append(AdmissionFinding(.refusal, code, message, hint: hint, details: details))
    }

    mutating func warn(_ code: String, _ message: String, hint: String = "", details: [String] = []) {
        result.findings.append(AdmissionFinding(.warning, code, message, hint: hint, details: details))
    }

    /// `slice 17 at -120.5 mm`: Instance Number and distance along the normal.
    func describe(_ slice: ExaminedSlice) -> String {
        let name = slice.instanceNumber.map { "slice \($0)" } ?? "slice without Instance Number"
        return "\(name) at \(millimetres(slice.distance)) mm"
    }

    func describe(header index: Int) -> String {
        headers[index].instanceNumber.map { "slice \($0)" } ?? "slice without Instance Number"
    }

    /// Two decimals without trailing zeros.
    func millimetres(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() && abs(rounded) < 1e9 ? String(Int(rounded)) : "\(rounded)"
    }
}

extension StackExaminer {
    /// A header repeated with the same SOP Instance UID counts once; with other contents it is a conflict.
    private mutating func dropRepeatedInstances() {
        var first: [String: Int] = [:]
        var conflicts: [Int] = []
        var repeats = 0
        for (index, header) in headers.enumerated() {
            guard let earlier = first[header.sopInstanceUID] else {
                first[header.sopInstanceUID] = index
                unique.append(index)
                continue
            }
            repeats += 1
            if !headers[earlier].describesSameImage(as: header) { conflicts.append(index) }
        }
        if !conflicts.isEmpty {
            refuse(
                "E_CONFLICTING_INSTANCES",
                "Two files have one SOP Instance UID and different contents.",
                hint: AdmissionFinding.sendAgainFromOneSource,
                details: conflicts.map { "\(describe(header: $0)), SOP Instance UID \(headers[$0].sopInstanceUID)" }
            )
        } else if repeats > 0 {
            warn("W_REPEATED_INSTANCES", "\(repeats) files came twice with the same contents and were used once.")
        }
    }

    /// The geometry of the volume: the first slice's own position, the mean distance, right-handed axes.
    private func makeGeometry() -> VolumeGeometry? {
        guard let first = result.slices.first, let last = result.slices.last, result.slices.count > 1,
            let spacing = frame(first).pixelSpacing, let row = frame(first).rowDirection,
            let column = frame(first).columnDirection, let normal = frame(first).normal, last.distance > first.distance
        else { return nil }
        let header = headers[first.header]
        return VolumeGeometry(
            dimensions: Dimensions(i: header.columns, j: header.rows, k: result.slices.count),
            origin: first.position,
            spacing: Vector3(
                spacing.betweenColumns,
                spacing.betweenRows,
                (last.distance - first.distance) / Double(result.slices.count - 1)
            ),
            directionI: row,
            directionJ: column,
            directionK: normal,
            frameOfReferenceUID: header.frameOfReferenceUID ?? ""
        )
    }

    func frame(_ slice: ExaminedSlice) -> FrameHeader { headers[slice.header].frames[slice.frame] }
}

extension InstanceHeader {
    /// Equal but for how the file is coded.
    func describesSameImage(as other: InstanceHeader) -> Bool {
        var left = self
        left.transferSyntaxUID = other.transferSyntaxUID
        left.fileSize = other.fileSize
        return left == other
    }
}
