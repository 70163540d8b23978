import Imaging

#if canImport(Glibc)
import Glibc
#endif

extension ThoraxAnatomy {
    /// The organ at a point of the person, LPS mm in the person's own coordinates.
    ///
    /// Order of the questions is order of priority: small organs inside large ones come first.
    package func organ(x: Double, y: Double, z: Double) -> Organ {
        guard isInBody(x, y, z) else { return isTable(x, y, z) ? .table : .air }
        if let organ = spine(x, y, z) ?? midline(x, y, z) ?? greatVessels(x, y, z) { return organ }
        let scale = narrowing(z)
        let cavity =
            scale > 0 ? superellipse(x, y, cavityHalfWidth * scale, cavityHalfDepth * (0.35 + 0.65 * scale)) : 9
        if cavity <= 1 { return insideCavity(x, y, z) }
        return wall(x, y, z, scale: scale)
    }

    private func insideCavity(_ x: Double, _ y: Double, _ z: Double) -> Organ {
        if z < diaphragm(x, y) { return abdomen(x, y, z) }
        // 2 mm of pericardium and fat keep the lung off the heart.
        if isInHeart(x, y, z) { return .heart }
        if isInHeart(x, y, z, margin: 2) { return .mediastinalFat }
        if abs(x) < mediastinum(y, z) { return .mediastinalFat }
        return x > 0 ? .lungLeft : .lungRight
    }

    private func abdomen(_ x: Double, _ y: Double, _ z: Double) -> Organ {
        let depth = diaphragm(x, y) - z
        if depth < 3 { return .muscle }
        if x < 25 { return .liver }
        let gasZ = leftDomeHeight - 30
        let gx = x - 55
        let gy = y + 30
        let gz = z - gasZ
        let distance = (gx * gx + gy * gy + gz * gz).squareRoot()
        if distance < stomachGasRadius { return .stomachGas }
        if distance < stomachGasRadius + 4 { return .muscle }
        return distance < 55 ? .stomach : .mediastinalFat
    }

    /// Chest wall between the cavity and the fat: ribs in muscle, sternum in front.
    private func wall(_ x: Double, _ y: Double, _ z: Double, scale: Double) -> Organ {
        let a = cavityHalfWidth * max(scale, 0.5)
        let b = cavityHalfDepth * (0.35 + 0.65 * max(scale, 0.5))
        let outer = superellipse(x, y, a + wallThickness, b + wallThickness)
        if abs(x) < 18, y < 0, z > 10, z < apexHeight - 25 {
            let front = -(b + 0.5 * wallThickness)
            if abs(y - front) < 5.5 { return abs(y - front) < 3.2 && abs(x) < 15 ? .marrow : .bone }
        }
        if outer <= 1, let rib = rib(x, y, z, a: a, b: b) { return rib }
        if outer <= 1 { return .muscle }
        let bodyEdge = bodyEllipse(x, y, z, inset: 2.5)
        if bodyEdge > 1 { return .skin }
        return outer <= 1.25 && abs(x) > 0.5 * a ? .muscle : .fat
    }

    /// Ribs run obliquely: highest at the spine, `ribDrop` lower at the front.
    private func rib(_ x: Double, _ y: Double, _ z: Double, a: Double, b: Double) -> Organ? {
        let middle = superellipse(x, y, a + 0.5 * wallThickness, b + 0.5 * wallThickness)
        let radius = (x * x + y * y).squareRoot()
        let distance = radius * (pow(middle, 0.4) - 1)
        guard abs(distance) < 5.5, z < apexHeight - 5 else { return nil }
        let angle = abs(atan2(x, y)) / .pi
        let along = z + ribDrop * angle
        let phase = along - (along / ribSpacing).rounded() * ribSpacing
        let across = (phase / 7) * (phase / 7) + (distance / 5.5) * (distance / 5.5)
        guard across < 1 else { return nil }
        if angle > 0.82 { return .cartilage }
        return across < 0.4 ? .marrow : .bone
    }

    private func spine(_ x: Double, _ y: Double, _ z: Double) -> Organ? {
        let centre = spineY(z)
        let dy = y - centre
        guard abs(x) < 40, dy > -22, dy < 55 else { return nil }
        let canalX = x / 10
        let canalY = (dy - 27) / 9
        let canal = canalX * canalX + canalY * canalY
        if canal < 0.42 { return .spinalCord }
        if canal < 1 { return .mediastinalFat }
        let bodyX = x / 18
        let bodyY = dy / 17
        let body = bodyX * bodyX + bodyY * bodyY
        let phase = z - (z / vertebraSpacing).rounded() * vertebraSpacing
        if body < 1 {
            if abs(phase) > 0.5 * vertebraSpacing - 2.5 { return .cartilage }
            return body < 0.75 ? .marrow : .bone
        }
        if canal < 2.0, abs(phase) < 7 { return .bone }
        if abs(x) < 4, dy > 36, dy < 55, abs(phase) < 8 { return .bone }
        if abs(x) < 34, abs(dy - 26) < 5, abs(phase) < 5 { return .bone }
        return nil
    }

    /// Trachea, main bronchi and esophagus.
    private func midline(_ x: Double, _ y: Double, _ z: Double) -> Organ? {
        let esophagusX = x - esophagusOffset * (z < carinaHeight ? 1.4 : 0.7)
        let esophagusY = y - (spineY(z) - 28)
        if z > leftDomeHeight - 35 {
            let ring = (esophagusX / 9) * (esophagusX / 9) + (esophagusY / 6.5) * (esophagusY / 6.5)
            if ring < 0.06, z > carinaHeight { return .esophagealAir }
            if ring < 1 { return .esophagus }
        }
        let tracheaY = y - (spineY(z) - 47)
        if z >= carinaHeight {
            let ring = (x * x + tracheaY * tracheaY).squareRoot()
            if ring < 8.5 { return .airway }
            return ring < 10.5 ? .cartilage : nil
        }
        // Main bronchi leave the carina at about 25 (right) and 45 degrees (left).
        let below = carinaHeight - z
        guard below < 34 else { return nil }
        let right = x + 2 + 0.75 * below
        let left = x - 2 - 1.05 * below
        let bronchusX = abs(right) < abs(left) ? right : left
        let ring = (bronchusX * bronchusX + tracheaY * tracheaY).squareRoot()
        if ring < 6.5 { return .airway }
        return ring < 8.5 ? .muscle : nil
    }

    private func greatVessels(_ x: Double, _ y: Double, _ z: Double) -> Organ? {
        let archHeight = carinaHeight + 18
        let descendingX = x - 24
        let descendingY = y - (spineY(z) - 12)
        if z < archHeight, (descendingX * descendingX + descendingY * descendingY) < aortaRadius * aortaRadius {
            return .aorta
        }
        let ascendingY = y - (spineY(z) - 78)
        if z > 60, z < archHeight {
            let ascendingX = x + 10
            if ascendingX * ascendingX + ascendingY * ascendingY < 1.3 * aortaRadius * aortaRadius { return .aorta }
        }
        // The arch joins both over the left main bronchus.
        if abs(z - archHeight) < aortaRadius {
            let t = min(1, max(0, (ascendingY + 2) / 66))
            let archX = x - (-10 + 34 * t)
            if archX * archX + (z - archHeight) * (z - archHeight) < aortaRadius * aortaRadius, ascendingY > -4,
                ascendingY < 70
            {
                return .aorta
            }
        }
        let cavaX = x + 30
        let cavaY = y - (spineY(z) - 66)
        if z > 55, z < apexHeight - 40, cavaX * cavaX + cavaY * cavaY < 81 { return .superiorVenaCava }
        return nil
    }

    // MARK: - Outline

    private func bodyEllipse(_ x: Double, _ y: Double, _ z: Double, inset: Double = 0) -> Double {
        // Above the lungs the shoulders widen the outline, then the neck narrows it.
        let shoulder = exp(-((z - apexHeight + 20) / 55) * ((z - apexHeight + 20) / 55))
        let a = cavityHalfWidth + wallThickness + fatThickness + 38 * shoulder - inset
        let b = cavityHalfDepth + wallThickness + 0.8 * fatThickness - 10 * shoulder - inset
        return superellipse(x, y, a, b)
    }

    private func isInBody(_ x: Double, _ y: Double, _ z: Double) -> Bool { bodyEllipse(x, y, z) <= 1 }

    private func isTable(_ x: Double, _ y: Double, _ z: Double) -> Bool {
        let top = cavityHalfDepth + wallThickness + 0.8 * fatThickness + tableGap
        let curve = top - 0.00045 * x * x
        return abs(x) < 205 && y > curve && y < curve + 14 && (y < curve + 2 || y > curve + 12)
    }
}
