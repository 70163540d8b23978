import Foundation
import Imaging
import Report
import Testing

@Suite("Pictures")
struct PictureTests {
    static let signs = (0..<8).map { n in
        Vector3(n & 1 == 0 ? 1 : -1, n & 2 == 0 ? 1 : -1, n & 4 == 0 ? 1 : -1)
    }

    @Test("a grey PNG holds the pixels that were put in")
    func greyPNG() throws {
        var image = GreyImage(width: 7, height: 5)
        for y in 0..<5 { for x in 0..<7 { image[x, y] = UInt8(x * 36 + y) } }
        let decoded = try #require(DecodedPNG(try image.png()))
        for y in 0..<5 { for x in 0..<7 { #expect(decoded[x, y] == [UInt8](repeating: UInt8(x * 36 + y), count: 3)) } }
    }

    @Test("a PNG holds the pixels that were put in")
    func png() throws {
        var image = RGBImage(width: 7, height: 5)
        for y in 0..<5 { for x in 0..<7 { image[x, y] = (UInt8(x * 36), UInt8(y * 50), UInt8((x * y) % 256)) } }
        let decoded = try #require(DecodedPNG(try image.png()))
        #expect(decoded.width == 7 && decoded.height == 5)
        for y in 0..<5 {
            for x in 0..<7 { #expect(decoded[x, y] == [UInt8(x * 36), UInt8(y * 50), UInt8((x * y) % 256)]) }
        }
    }

    /// Soft tissue with a bone in the patient's left, front, upper corner.
    private func marked(_ geometry: VolumeGeometry) -> Volume<Int16> {
        filled(geometry) { p in p.x > 15 && p.y < -12 && p.z > 10 ? 400 : p.x * p.x + p.y * p.y < 900 ? -500 : -1000 }
    }

    @Test("the patient's left is on the right, front and head are up, whatever the signs of the axes", arguments: signs)
    func orientation(_ signs: Vector3) throws {
        let geometry = axialGrid(signs: signs)
        // The planes are cut through the middle of the structure: the bone itself.
        let ct = marked(geometry)
        let labels = Volume<UInt8>(geometry: geometry, voxels: ct.voxels.map { $0 == 400 ? 1 : 0 })
        let structure = OutlinedStructure(name: "Bone", color: [230, 159, 0], labels: [1])
        let pictures = try casePictures(ct: ct, labels: labels, structures: [structure], reference: nil, threads: 2)
        for (role, right, up) in [
            (CasePicture.Role.axial, true, true), (.coronal, true, true), (.sagittal, false, true),
        ] {
            let picture = try #require(pictures.first { $0.role == role })
            let decoded = try #require(DecodedPNG(picture.png))
            let bone = try #require(decoded.middle { $0[0] == $0[1] && $0[0] > 250 }, "\(role)")
            // In sagittal pictures the front is on the left.
            #expect((bone.x > 0.6) == right && (bone.x < 0.4) == !right, "\(role) \(bone)")
            #expect((bone.y < 0.4) == up, "\(role) \(bone)")
            let outline = try #require(picture.overlay?.middle { $0.color == [230, 159, 0] }, "\(role): no outline")
            #expect(abs(outline.x - bone.x) < 0.05 && abs(outline.y - bone.y) < 0.05, "\(role)")
        }
    }

    @Test("pixels are square in millimetres: a ball is round in every plane")
    func square() throws {
        let geometry = axialGrid(signs: Vector3(1, -1, 1))
        let ct = filled(geometry) { p -> Int16 in p.x * p.x + p.y * p.y + p.z * p.z < 400 ? 400 : -1000 }
        let labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        for picture in try casePictures(ct: ct, labels: labels, structures: [], reference: nil, threads: 1).prefix(3) {
            let decoded = try #require(DecodedPNG(picture.png))
            let (left, right) = try #require(
                extent((0..<decoded.width).filter { decoded[$0, decoded.height / 2][0] > 128 })
            )
            let (top, bottom) = try #require(
                extent((0..<decoded.height).filter { decoded[decoded.width / 2, $0][0] > 128 })
            )
            let ratio = Double(right - left + 1) / Double(bottom - top + 1)
            #expect(abs(ratio - 1) < 0.08, "\(picture.role): \(ratio)")
        }
    }

    private func extent(_ places: [Int]) -> (Int, Int)? {
        places.first.flatMap { first in places.last.map { (first, $0) } }
    }

    @Test("a case has its planes, a strip and the ends of each structure, each with a caption")
    func plan() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let labels = filled(geometry) { p -> UInt8 in
            abs(p.z) > 20 || abs(p.y) > 20 ? 0 : p.x > 10 ? 1 : p.x < -10 ? 2 : 0
        }
        let structures = [
            OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1]),
            OutlinedStructure(name: "Lung_R", color: [0, 114, 178], labels: [2]),
        ]
        let pictures = try casePictures(
            ct: Volume(geometry: geometry, repeating: 40),
            labels: labels,
            structures: structures,
            reference: layers(of: labels, structures),
            threads: 3
        )
        let ends = [CasePicture.Role](repeating: .structureEnds, count: 4)
        #expect(
            pictures.map(\.role) == [.axial, .coronal, .sagittal] + [CasePicture.Role](repeating: .strip, count: 12)
                + ends
        )
        #expect(pictures.allSatisfy { !$0.caption.isEmpty && DecodedPNG($0.png) != nil })
        let captions = pictures.filter { $0.role == .structureEnds }.map(\.caption)
        #expect(captions[0].hasPrefix("Lung_L: first slice, 4") && captions[1].hasPrefix("Lung_L: last slice, 17"))
        // From the head to the foot.
        let strip = pictures.filter { $0.role == .strip }.map(\.caption)
        #expect(strip.first == "Slice 17" && strip.last == "Slice 4")
    }

    @Test("what is mostly air has pictures in the lung and the soft-tissue window, everything else in the latter alone")
    func windows() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let labels = filled(geometry) { p -> UInt8 in p.x > 10 ? 1 : p.x < -10 ? 2 : 0 }
        let lung = OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1])
        let liver = OutlinedStructure(name: "Liver", color: [0, 114, 178], labels: [2])
        // 0 HU is grey 191 of the lung window and 102 of the other; air in the lung is black in the latter.
        let ct = Volume<Int16>(geometry: geometry, voxels: labels.voxels.map { $0 == 1 ? -800 : 0 })
        func greys(_ structures: [OutlinedStructure]) throws -> [Set<UInt8>] {
            try casePictures(ct: ct, labels: labels, structures: structures, reference: nil, threads: 1)
                .filter { $0.role == .axial }.map { picture in
                    let decoded = try #require(DecodedPNG(picture.png))
                    return [decoded[1, decoded.height / 2][0], decoded[decoded.width - 2, decoded.height / 2][0]]
                }
        }
        #expect(try greys([lung, liver]) == [[191, 63], [102, 0]])
        #expect(try greys([liver]) == [[102, 0]])
        // Where nothing was found nobody knows what was looked for.
        #expect(try greys([]) == [[191, 63], [102, 0]])
    }

    /// A reference as a label map has it.
    private func layers(of labels: Volume<UInt8>, _ structures: [OutlinedStructure]) -> ReferenceLayers {
        var layers = ReferenceLayers(geometry: labels.geometry)
        for structure in structures {
            let mask = Mask(
                geometry: labels.geometry,
                voxels: labels.voxels.map { structure.labels.contains($0) ? 1 : 0 }
            )
            layers.add(structure.name, labels: structure.labels, mask)
        }
        return layers
    }

    @Test("outlines enclose the voxels: ours in its colour, the reference in white, and nothing where nothing is")
    func outlines() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let ct = Volume<Int16>(geometry: geometry, repeating: -1000)
        let labels = filled(geometry) { p -> UInt8 in max(abs(p.x), abs(p.y)) < 14 ? 1 : 0 }
        let theirs = filled(geometry) { p -> UInt8 in max(abs(p.x), abs(p.y)) < 25 ? 1 : 0 }
        let structures = [OutlinedStructure(name: "S", color: [200, 0, 0], labels: [1])]
        func axial(_ labels: Volume<UInt8>, _ reference: Volume<UInt8>?) throws -> PictureOverlay {
            let layers = reference.map { self.layers(of: $0, structures) }
            let pictures = try casePictures(
                ct: ct,
                labels: labels,
                structures: structures,
                reference: layers,
                threads: 1
            )
            return try #require(pictures[0].overlay)
        }
        let both = try axial(labels, theirs)
        #expect(both.outlines.map(\.isReference) == [false, true] && both.outlines[0].color == [200, 0, 0])
        // 40 voxels of 2 mm fill the width: 14 and 24 of them are inside.
        for (outline, voxels) in zip(both.outlines, [14.0, 24]) {
            let area = outline.polygons.reduce(0.0) { $0 + PlanarPolygon(points: $1, isHole: false).signedArea }
            let pixel = 40.0 / Double(both.width)
            #expect(abs(area * pixel * pixel - voxels * voxels) < 1e-6 * area, "\(area * pixel * pixel)")
        }
        let nothing = try axial(Volume(geometry: geometry, repeating: 0), nil)
        #expect(nothing.outlines.isEmpty && nothing.differences.isEmpty)
    }

    @Test("an outline of a single voxel is that voxel, and a hole is left open")
    func outlinesOfFewVoxels() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        labels[7, 5, 10] = 1
        for j in 20..<27 { for i in 20..<27 where (i, j) != (23, 23) { labels[i, j, 10] = 1 } }
        let pictures = try casePictures(
            ct: Volume(geometry: geometry, repeating: 0),
            labels: labels,
            structures: [OutlinedStructure(name: "S", color: [1, 2, 3], labels: [1])],
            reference: nil,
            threads: 1
        )
        let overlay = try #require(pictures[0].overlay)
        let polygons = try #require(overlay.outlines.first?.polygons)
        let voxel = Double(overlay.width) / 40
        let areas = polygons.map { PlanarPolygon(points: $0, isHole: false).signedArea / voxel / voxel }.sorted()
        #expect(areas.count == 3 && zip(areas, [-1, 1, 49]).allSatisfy { abs($0 - $1) < 0.01 }, "\(areas)")
        let corner = try #require(polygons.first { $0.count == 4 && $0.contains { $0.i < 8 * voxel } }?.map(\.i).min())
        #expect(abs(corner - 7 * voxel) < 0.01)
    }

    @Test("a slope is no staircase, and the outline still encloses the same area with few points")
    func smooth() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1), 200, 200, 3)
        let labels = filled(geometry) { p -> UInt8 in p.x * p.x + p.y * p.y < 150 * 150 ? 1 : 0 }
        let voxels = labels.voxels[..<40_000].count { $0 == 1 }
        let pictures = try casePictures(
            ct: Volume(geometry: geometry, repeating: 0),
            labels: labels,
            structures: [OutlinedStructure(name: "S", color: [1, 2, 3], labels: [1])],
            reference: nil,
            threads: 1
        )
        let overlay = try #require(pictures[0].overlay)
        let polygon = try #require(overlay.outlines.first?.polygons.first)
        let voxel = Double(overlay.width) / 200
        let area = PlanarPolygon(points: polygon, isHole: false).signedArea / voxel / voxel
        #expect(abs(area - Double(voxels)) < 0.005 * Double(voxels), "\(area) \(voxels)")
        // 600 edges of voxels; no point of the line is farther from the circle than a voxel.
        #expect((12...300).contains(polygon.count), "\(polygon.count)")
        for point in polygon {
            let (x, y) = (point.i / voxel - 100, point.j / voxel - 100)
            #expect(abs((x * x + y * y).squareRoot() - 75) < 1)
        }
    }

    @Test("the slice that differs most from the reference is drawn, and named by what differs", arguments: signs)
    func worstSlice(_ signs: Vector3) throws {
        let geometry = axialGrid(signs: signs)
        let labels = filled(geometry) { p -> UInt8 in
            abs(p.z) > 20 || abs(p.y) > 20 ? 0 : p.x > 10 ? 1 : p.x < -10 ? 2 : 0
        }
        // One row is wrong in the first slice of a structure, four rows of the other one in a slice further on.
        var theirs = labels
        let d = geometry.dimensions
        let used = (0..<d.k).filter { k in
            (0..<d.j).contains { j in (0..<d.i).contains { labels[$0, j, k] == 2 } }
        }
        let (first, worst) = (used[0], used[used.count / 2])
        let rows = (0..<d.j).filter { j in (0..<d.i).contains { labels[$0, j, worst] == 2 } }
        var voxels = 0
        for i in 0..<d.i {
            if labels[i, rows[0], first] == 1 { theirs[i, rows[0], first] = 0 }
            for j in rows.prefix(4) where labels[i, j, worst] == 2 {
                theirs[i, j, worst] = 0
                voxels += 1
            }
        }
        let structures = [
            OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1]),
            OutlinedStructure(name: "Lung_R", color: [0, 114, 178], labels: [2]),
            OutlinedStructure(name: "Heart", color: [1, 2, 3], labels: [3]),
        ]
        let pictures = try casePictures(
            ct: marked(geometry),
            labels: labels,
            structures: structures,
            reference: layers(of: theirs, structures),
            threads: 1
        )
        let picture = try #require(pictures.first { $0.role == .worstSlice })
        let area = Double(voxels) * geometry.spacing.x * geometry.spacing.y / 100
        #expect(picture.caption.contains("axial slice \(worst + 1) "), "\(picture.caption)")
        #expect(picture.caption.contains("\((area * 10).rounded() / 10) cm\u{00B2} of Lung_R"), "\(picture.caption)")
        let overlay = try #require(picture.overlay)
        #expect(overlay.outlines.contains { $0.isReference }, "the reference is not drawn")
        // Even-odd, the shaded area is that of the voxels that only one has: four rows of the right lung.
        let shaded = overlay.differences.map { polygons in
            (0..<overlay.height).reduce(0) { sum, y in
                sum
                    + (0..<overlay.width).count { x in
                        polygons.count { isInside(Double(x) + 0.5, Double(y) + 0.5, $0) } % 2 == 1
                    }
            }
        }
        // The picture shows the box around both lungs and 15 mm beside it, which is all of the 80 mm.
        let pixelMM = 80 / Double(overlay.width)
        #expect(shaded.count == 2 && shaded[0] == 0, "\(shaded)")
        #expect(abs(Double(shaded[1]) * pixelMM * pixelMM / 100 - area) < 0.05 * area, "\(shaded) \(area)")
    }

    private func isInside(_ x: Double, _ y: Double, _ polygon: [PlanarPoint]) -> Bool {
        var isInside = false
        for (n, a) in polygon.enumerated() {
            let b = polygon[(n + 1) % polygon.count]
            if (a.j > y) != (b.j > y), x < a.i + (y - a.j) / (b.j - a.j) * (b.i - a.i) { isInside.toggle() }
        }
        return isInside
    }

    @Test("of a reference that has only the union, that is drawn around both of ours and compared with both")
    func unionOfTheReference() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let labels = filled(geometry) { p -> UInt8 in abs(p.y) > 20 ? 0 : p.x > 10 ? 1 : p.x < -10 ? 2 : 0 }
        let structures = [
            OutlinedStructure(name: "Lung_L", color: [86, 180, 233], labels: [1]),
            OutlinedStructure(name: "Lung_R", color: [0, 114, 178], labels: [2]),
        ]
        var lungs = ReferenceLayers(geometry: geometry)
        let mask = Mask(geometry: geometry, voxels: labels.voxels.map { $0 == 0 ? 0 : 1 })
        lungs.add("Lungs", labels: [1, 2], mask)
        let ct = Volume<Int16>(geometry: geometry, repeating: 0)
        let same = try casePictures(ct: ct, labels: labels, structures: structures, reference: lungs, threads: 1)
        #expect(!same.contains { $0.role == .worstSlice }, "both agree")
        #expect(same[0].overlay?.outlines.map(\.isReference) == [false, false, true])
        let maps = try distancePictures(labels: labels, reference: lungs, threads: 1)
        #expect(maps.map { $0.caption.prefix(6) } == ["Lungs:"] && maps[0].caption.contains("at most 0.0 mm"))
        var left = labels
        for n in left.voxels.indices where left.voxels[n] == 2 { left.voxels[n] = 0 }
        let half = try casePictures(ct: ct, labels: left, structures: structures, reference: lungs, threads: 1)
        #expect(half.first { $0.role == .worstSlice }?.caption.contains("of Lungs are in only one") == true)
    }

    @Test("a part that the reference lacks is bright on our surface, whatever lies well on it, and the key ends there")
    func distanceOfWhatTheReferenceLacks() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1), 40, 36, 40)
        func lung(from lowest: Double) -> Volume<UInt8> {
            filled(geometry) { p in abs(p.x) < 12 && abs(p.y) < 12 && p.z > lowest && p.z < 50 ? 1 : 0 }
        }
        let (whole, upper) = (lung(from: -50), lung(from: 0))
        func map(_ labels: Volume<UInt8>, _ reference: Volume<UInt8>) throws -> CasePicture {
            var layers = ReferenceLayers(geometry: geometry)
            layers.add("Lung_R", labels: [1], Mask(geometry: geometry, voxels: reference.voxels))
            return try #require(try distancePictures(labels: labels, reference: layers, threads: 1).first)
        }
        func shares(_ picture: CasePicture) throws -> [Int] {
            let sheet = try #require(DecodedPNG(picture.png))
            // Upper and lower half without the key.
            return [0, 1].map { row in
                var count = 0
                for y in (row * 260)..<(row * 260 + 260) {
                    for x in 0..<sheet.width where sheet[x, y] == [255, 246, 150] { count += 1 }
                }
                return count
            }
        }
        let lacking = try map(whole, upper)
        let found = try shares(lacking)
        #expect(found[1] > 2000 && found[1] > 5 * found[0], "\(found)")
        let words = (lacking.overlay?.marks ?? []).map(\.text)
        #expect(words.contains("Ours: distance to the reference") && words.contains("from the feet"), "\(words)")
        let farthest = try #require(
            lacking.caption.firstMatch(of: /distance to the reference \(at most ([0-9.]+) mm\)/)
        )
        #expect(words.contains("10 to \(farthest.1) mm"), "\(words) \(lacking.caption)")
        // Its words stand after their colours, the last ones as well.
        let last = try #require(lacking.overlay?.marks.last)
        #expect(last.isAfter && last.x * 6 > 5 + 0.1 && last.x * 6 < 5.25)
        let same = try map(whole, whole)
        #expect(try shares(same) == [0, 0] && same.overlay?.marks.last?.text == "up to 0.0 mm")
        let missed = try map(Volume(geometry: geometry, repeating: 0), whole)
        #expect(
            missed.caption.contains("ours is empty") && missed.overlay?.marks.last?.text == "the other one is empty"
        )
    }

    @Test("without pixels of the CT the outlines stand on black")
    func withoutCT() throws {
        let geometry = axialGrid(signs: Vector3(1, 1, 1))
        let labels = filled(geometry) { p -> UInt8 in abs(p.x) < 10 ? 1 : 0 }
        let structures = [OutlinedStructure(name: "S", color: [1, 2, 3], labels: [1])]
        let picture = try casePictures(ct: nil, labels: labels, structures: structures, reference: nil, threads: 1)[0]
        #expect(picture.overlay?.outlines.count == 1 && !picture.caption.contains("HU"))
        #expect(DecodedPNG(picture.png)?.middle { $0 != [0, 0, 0] } == nil)
    }

    @Test("thin and tiny volumes have pictures too")
    func thin() throws {
        for (i, j, k) in [(1, 1, 1), (64, 64, 1), (1, 64, 3), (3, 2, 200)] {
            let geometry = axialGrid(signs: Vector3(1, 1, 1), i, j, k)
            let pictures = try casePictures(
                ct: Volume(geometry: geometry, repeating: 0),
                labels: Volume(geometry: geometry, repeating: 1),
                structures: [OutlinedStructure(name: "S", color: [0, 0, 255], labels: [1])],
                reference: nil,
                threads: 2
            )
            // Three planes, up to twelve slices, two ends.
            #expect(pictures.count == 3 + min(12, k) + 2 && pictures.allSatisfy { DecodedPNG($0.png) != nil })
        }
    }
}
