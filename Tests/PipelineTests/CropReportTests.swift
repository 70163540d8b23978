import Foundation
import Imaging
import Nifti
import Pipeline
import Segmentation
import Testing

@Suite("Runs with a crop")
struct CropReportTests {
    private struct Report: Decodable {
        struct Crop: Decodable {
            var grid: [Int]
            var columns: [Int]
            var rows: [Int]
            var slices: [Int]
            var computedVoxels: Int
            var wholeGridVoxels: Int
            var widenedSlices: Int
            var wholeGrid: String?
        }
        var crop: Crop
    }

    /// The report of a phantom and its labels by voxel.
    private func contour(_ seed: UInt64, _ signs: String, _ crop: CropDescription) throws -> (Report.Crop, [UInt8]) {
        let bench = try Workbench(crop: crop)
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(seed, signs: signs, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("run", images: images)
        try bench.runStages(run)
        let report = try contents(run.directory(of: .export) + "/report.json")
        let labels = try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels")
        return (try JSONDecoder().decode(Report.self, from: report).crop, Array(labels.voxels))
    }

    @Test(
        "the contours are those of the whole grid, and the report says what part of it was enough",
        arguments: [(5, "+x+y+z"), (6, "-x+y-z")] as [(UInt64, String)]
    )
    func agreement(_ phantom: (seed: UInt64, signs: String)) throws {
        let asked = CropDescription.structures(marginMM: 48, coarseMM: 20)
        let (crop, cropped) = try contour(phantom.seed, phantom.signs, asked)
        let (none, whole) = try contour(phantom.seed, phantom.signs, .none)
        for label in [UInt8(1), 2] {
            let both = zip(cropped, whole).count { $0 == label && $1 == label }
            let sum = cropped.count { $0 == label } + whole.count { $0 == label }
            #expect(sum > 1000 && 2 * Double(both) / Double(sum) > 0.99, "\(label): \(both) of \(sum) / 2 voxels")
        }
        #expect(none.wholeGrid == "notAsked" && none.computedVoxels == none.wholeGridVoxels)
        #expect(none.columns == [0, 63] && none.rows == [0, 63] && none.slices == [0, 29])
        #expect(crop.wholeGrid == nil && crop.grid == [64, 64, 30] && crop.wholeGridVoxels == 64 * 64 * 30)
        #expect(crop.computedVoxels < crop.wholeGridVoxels)
        for (range, length) in zip([crop.columns, crop.rows, crop.slices], crop.grid) {
            #expect(range.count == 2 && range[0] >= 0 && range[0] <= range[1] && range[1] < length)
        }
    }
}
