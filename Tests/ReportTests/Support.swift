import CPNG
import Foundation
import Imaging
import Metrics
import Report

/// A picture as libpng reads it.
struct DecodedPNG {
    let width: Int
    let height: Int
    private let pixels: [UInt8]

    init?(_ data: Data) {
        var image = png_image()
        image.version = UInt32(PNG_IMAGE_VERSION)
        let isOpen = data.withUnsafeBytes { png_image_begin_read_from_memory(&image, $0.baseAddress, $0.count) }
        guard isOpen != 0 else { return nil }
        defer { png_image_free(&image) }
        image.format = UInt32(PNG_FORMAT_FLAG_COLOR)
        width = Int(image.width)
        height = Int(image.height)
        // libpng reads while `data` must still be there; begin_read keeps its address.
        var buffer = [UInt8](repeating: 0, count: width * height * 3)
        let isRead = data.withUnsafeBytes { _ in png_image_finish_read(&image, nil, &buffer, 0, nil) }
        guard isRead != 0 else { return nil }
        pixels = buffer
    }

    subscript(x: Int, y: Int) -> [UInt8] {
        let n = (y * width + x) * 3
        return Array(pixels[n..<n + 3])
    }

    /// Middle of the pixels that fulfil a condition, as fractions of width and height; nil where there is none.
    func middle(where condition: ([UInt8]) -> Bool) -> (x: Double, y: Double)? {
        var (sumX, sumY, count) = (0.0, 0.0, 0.0)
        for y in 0..<height {
            for x in 0..<width where condition(self[x, y]) {
                sumX += Double(x) + 0.5
                sumY += Double(y) + 0.5
                count += 1
            }
        }
        return count == 0 ? nil : (sumX / count / Double(width), sumY / count / Double(height))
    }
}

extension PictureOverlay {
    /// Middle of the points of outlines, as fractions of width and height; nil without any.
    func middle(where condition: (Outline) -> Bool) -> (x: Double, y: Double)? {
        let points = outlines.filter(condition).flatMap(\.polygons).joined()
        guard !points.isEmpty else { return nil }
        let sum = points.reduce((0.0, 0.0)) { ($0.0 + $1.i, $0.1 + $1.j) }
        return (sum.0 / Double(points.count) / Double(width), sum.1 / Double(points.count) / Double(height))
    }
}

/// An axial grid with the given signs of its axes in the patient, centred on the origin.
func axialGrid(signs: Vector3, _ i: Int = 40, _ j: Int = 36, _ k: Int = 20) -> VolumeGeometry {
    let spacing = Vector3(2, 2, 3)
    let half = (Vector3(Double(i), Double(j), Double(k)) - Vector3(repeating: 1)) * spacing / 2
    return VolumeGeometry(
        dimensions: Dimensions(i: i, j: j, k: k),
        origin: PatientPoint(-signs * half),
        spacing: spacing,
        directionI: Vector3(signs.x, 0, 0),
        directionJ: Vector3(0, signs.y, 0),
        directionK: Vector3(0, 0, signs.z),
        frameOfReferenceUID: "1.2.3"
    )
}

/// Values by place in the patient.
func filled<Element: Sendable>(_ geometry: VolumeGeometry, _ value: (PatientPoint) -> Element) -> Volume<Element> {
    var voxels: [Element] = []
    for k in 0..<geometry.dimensions.k {
        for j in 0..<geometry.dimensions.j {
            for i in 0..<geometry.dimensions.i {
                voxels.append(value(geometry.patientPoint(VoxelIndex(i: i, j: j, k: k))))
            }
        }
    }
    return Volume(geometry: geometry, voxels: voxels)
}

/// A report in which every text is `text`.
func report(everyText text: String, verdict: CaseReport.Verdict = .review) -> CaseReport {
    let structure = CaseReport.StructureReport(
        name: text,
        derived: false,
        found: true,
        color: [1, 2, 3],
        volumeML: 1234.5,
        confidence: 0.987,
        edgeUncertaintyMM: 0.41,
        meanHU: -812.3,
        airPocketFraction: 0.012,
        lowAttenuationFraction: 0.034,
        components: 1,
        firstSlice: 3,
        lastSlice: 17,
        centroidMM: [1, 2, 3],
        extentMM: 45,
        spreadHU: 123.4,
        holes: 2,
        touchesPictureEdge: false,
        touchesFirstSlice: false,
        touchesLastSlice: true,
        checks: [.init(name: text, value: text, expected: text, passed: false)],
        rtStructureSetRoundTripDice: 1,
        segmentationRoundTripDice: 1
    )
    let mask = Mask(geometry: axialGrid(signs: Vector3(1, 1, 1), 3, 3, 3), repeating: 1)
    return CaseReport(
        verdict: verdict,
        softwareVersion: text,
        createdAt: text,
        revision: 2,
        series: series(text),
        model: .init(name: text, version: text, digest: text, summary: text, demonstration: true, trainingCases: 8),
        configurationDigest: text,
        structures: [structure],
        findings: [.init(severity: .review, code: text, structure: text, message: text, hint: text, details: [text])],
        evaluation: .init(
            referenceKind: text,
            referenceSOPInstanceUID: text,
            structures: [StructureScores(name: text, reference: mask, prediction: mask, threads: 1)],
            unmatchedReference: [text],
            unmatchedPrediction: [text],
            findings: [text]
        ),
        fault: .init(code: text, kind: text, message: text, hint: text, details: [text]),
        stages: [.init(stage: text, seconds: 1.25, peakMemoryMB: 300)],
        files: [text: text]
    )
}

/// The summary of a CT; every text is the given one.
func series(_ text: String) -> CaseReport.SeriesSummary {
    var series = CaseReport.SeriesSummary(
        seriesInstanceUID: text,
        studyInstanceUID: text,
        modality: text,
        images: 99,
        columns: 512,
        rows: 512
    )
    (series.frameOfReferenceUID, series.manufacturer) = (text, text)
    (series.convolutionKernel, series.patientPosition) = (text, text)
    series.part = .init(
        number: 2,
        count: 3,
        attributes: [
            .init(name: "Acquisition Number", value: text, divides: true),
            .init(name: "Image Type", value: text, divides: false),
        ]
    )
    (series.slices, series.spacingMM) = (99, [0.976563, 0.976563, 2.5])
    (series.extentIsProvable, series.volumeDigest) = (false, text)
    return series
}
