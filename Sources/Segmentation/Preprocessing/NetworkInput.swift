import Imaging

/// Air, in which every picture is padded, HU.
package let paddingHU: Float = -1000

/// The CT on the model's grid: canonical patient axes, the model's spacing and uniform size, padded with air.
/// Values stay HU; clipping and scaling belong to `segment`.
///
/// - Parameters:
///   - ct: HU, Pixel Padding Value already replaced.
///   - volume: makes the volume of the result, of zeros.
package func networkInput(
    ct: Volume<Int16>,
    model: ModelPackage,
    threads: Int,
    volume: (VolumeGeometry) throws -> Volume<Float>
) rethrows -> Volume<Float> {
    var result = try volume(modelGrid(of: ct, input: model.description.input))
    resampleHU(ct, into: &result, threads: threads)
    return result
}

/// The same in ordinary memory.
package func networkInput(ct: Volume<Int16>, model: ModelPackage, threads: Int) -> Volume<Float> {
    networkInput(ct: ct, input: model.description.input, threads: threads)
}

/// The same before a model package exists, as training needs it.
package func networkInput(ct: Volume<Int16>, input: InputDescription, threads: Int) -> Volume<Float> {
    resampledHU(ct, to: modelGrid(of: ct, input: input), threads: threads)
}

private func modelGrid(of ct: Volume<Int16>, input: InputDescription) -> VolumeGeometry {
    let centre = input.centre == .body ? bodyCentre(of: ct) : gridCentre(of: ct.geometry)
    return input.modelGeometry(for: ct.geometry, centre: centre)
}

/// HU on another grid; slices that stay slices are averaged over the new pixels (see `PlaneResampler`).
func resampledHU(_ ct: Volume<Int16>, to target: VolumeGeometry, threads: Int) -> Volume<Float> {
    var result = Volume<Float>(geometry: target, repeating: 0)
    resampleHU(ct, into: &result, threads: threads)
    return result
}

private func resampleHU(_ ct: Volume<Int16>, into result: inout Volume<Float>, threads: Int) {
    guard CanonicalAxes(of: ct.geometry).followsSlices else {
        return ct.resampleLinear(into: &result, outside: paddingHU, threads: threads)
    }
    let plane = ct.geometry.dimensions.i * ct.geometry.dimensions.j
    let resampler = PlaneResampler(source: ct.geometry, target: result.geometry)
    resampler.resample(into: &result, outside: paddingHU, threads: threads) { k, out in
        ct.voxels.withUnsafeBufferPointer { voxels in
            // Below air lie only padding values that survived; averaging must not smear them into the body.
            for n in 0..<plane { out[n] = Float(min(max(voxels[k * plane + n], -1024), 3071)) }
        }
        ct.touched()
    }
}

/// The part of each model pixel that a label covers, 0...1: linear interpolation of the one-hot label.
func resampledOccupancy(of label: UInt8, in labels: Volume<UInt8>, to target: VolumeGeometry, threads: Int) -> [Float] {
    guard CanonicalAxes(of: labels.geometry).followsSlices else {
        let oneHot = Volume(geometry: labels.geometry, voxels: labels.voxels.map { UInt8($0 == label ? 1 : 0) })
        return Array(oneHot.resampledLinear(to: target, outside: 0, threads: threads).voxels)
    }
    let plane = labels.geometry.dimensions.i * labels.geometry.dimensions.j
    var result = Volume<Float>(geometry: target, repeating: 0)
    let resampler = PlaneResampler(source: labels.geometry, target: target)
    resampler.resample(into: &result, outside: 0, threads: threads) { k, out in
        for n in 0..<plane { out[n] = labels.voxels[k * plane + n] == label ? 1 : 0 }
    }
    return Array(result.voxels)
}
